// Run fork
//
// Branches at the same time. All of them give an array of their outputs; of competing ones the first to be
// done gives the output, and the others are stopped.

import type { Json } from '../../resource/index.ts'
import { type Body, inside } from './stage.ts'
import { taskOf } from './task-of.ts'

export const runFork: Body = (stage, site, done) => {
  const { branches, compete } = taskOf(site, 'fork').fork
  const activity = stage.open(site.scope.activity)
  const outputs: Json[] = branches.map(() => null)
  let left = branches.length
  if (left === 0) {
    done({ ok: true, output: compete ? site.input : [], next: null })
    return
  }
  const scope = inside(site.scope, 'fork/branches', { activity })
  for (const [index, item] of branches.entries()) {
    const place = inside(scope, `${index}/${item.name}`)
    stage.soon(place, () =>
      stage.runTask(item, place, site.input, (result) => {
        if (activity.isOver) return
        left -= 1
        if (!result.ok || compete || result.next === 'end') {
          stage.close(activity)
          done(result.ok && result.next !== 'end' ? { ...result, next: null } : result)
          return
        }
        outputs[index] = result.output
        if (left === 0) done({ ok: true, output: outputs, next: null })
      }),
    )
  }
}
