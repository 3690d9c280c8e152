// Each item
//
// What a subscription does with one event or message: its tasks, and what is made of their output.

import type { Json } from '../../resource/index.ts'
import type { SubscriptionIterator } from '../document/index.ts'
import { guarded } from './limit-time.ts'
import { type Done, inside, type Site, type Stage, turn, withVariables } from './stage.ts'

interface Item {
  readonly iterator: SubscriptionIterator
  readonly item: Json
  readonly index: number
}

export function eachItem(
  stage: Stage,
  site: Site,
  { iterator, item, index }: Item,
  done: Done,
): void {
  const variables = withVariables(site.scope, { [iterator.item]: item, [iterator.at]: index })
  const scope = turn(site.scope, `#${index}`, variables)
  stage.runList(iterator.do ?? [], inside(scope, 'foreach/do'), item, (result) => {
    if (!result.ok) {
      done(result)
      return
    }
    guarded(
      (error) => done({ ok: false, error }),
      () => {
        const at = { ...site, scope }
        let { output } = result
        const as = iterator.output?.as
        if (as !== undefined) {
          output = stage.expressions.transform(as, output, stage.sight(at, output))
        }
        const context = iterator.export?.as
        if (context !== undefined) {
          stage.setContext(stage.expressions.transform(context, output, stage.sight(at, output)))
        }
        done({ ...result, output })
      },
    )
  })
}
