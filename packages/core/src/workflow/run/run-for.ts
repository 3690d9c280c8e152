// Run for
//
// One list of tasks for each item, one after the other, each on the output of the turn before.

import type { Json } from '../../resource/index.ts'
import { type Body, inside, turn, withVariables } from './stage.ts'
import { taskOf } from './task-of.ts'
import { Fault, fault } from './workflow-error.ts'

const itemsMax = 100_000 // more in one list belong into a map over batches

export const runFor: Body = (stage, site, done) => {
  const task = taskOf(site, 'for')
  const { each, at, in: source } = task.for
  const found: unknown =
    typeof source === 'string'
      ? stage.expressions.evaluate(source, site.input, stage.sight(site))
      : source
  const items = Array.isArray(found) ? found : fault('expression', 'for.in gives no array')
  if (items.length > itemsMax) fault('runtime', `for takes at most ${itemsMax} items`)
  const next = (index: number, input: Json): void => {
    if (index >= items.length) {
      done({ ok: true, output: input, next: null })
      return
    }
    const variables = withVariables(site.scope, { [each]: items[index], [at]: index })
    const scope = turn(site.scope, `#${index}`, variables)
    const { while: condition } = task
    if (condition !== undefined) {
      const sight = stage.sight({ ...site, input, scope })
      if (!stage.expressions.isTrue(condition, input, sight)) {
        done({ ok: true, output: input, next: null })
        return
      }
    }
    stage.runList(task.do, inside(scope, 'do'), input, (result) => {
      if (!result.ok || result.next === 'end') done(result)
      else {
        stage.soon(scope, () => {
          try {
            next(index + 1, result.output)
          } catch (error) {
            if (!(error instanceof Fault)) throw error
            done({ ok: false, error: error.error })
          }
        })
      }
    })
  }
  next(0, site.input)
}
