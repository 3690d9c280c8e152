// Run list
//
// Tasks one after the other, each on the output of the one before; `then` jumps within the list, `exit`
// leaves it, `end` ends the workflow.

import type { Json } from '../../resource/index.ts'
import type { TaskList } from '../document/index.ts'
import { type Done, inside, type Scope, type Stage, turn } from './stage.ts'
import { standardError } from './workflow-error.ts'

export function runList(
  stage: Stage,
  list: TaskList,
  at: { readonly scope: Scope; readonly input: Json },
  done: Done,
): void {
  const visits: number[] = []
  const goTo = (index: number, input: Json): void => {
    const item = list[index]
    if (item === undefined) {
      done({ ok: true, output: input, next: null })
      return
    }
    // A task that is jumped back to is another step each time.
    const visit = visits[index] ?? 0
    visits[index] = visit + 1
    const place = inside(at.scope, `${index}/${escapePointer(item.name)}`)
    const scope = visit === 0 ? place : turn(place, `~${visit}`)
    stage.soon(scope, () =>
      stage.runTask(item, scope, input, (result) => {
        if (!result.ok) {
          done(result)
          return
        }
        const { output, next } = result
        if (next === null || next === 'continue') goTo(index + 1, output)
        else if (next === 'exit') done({ ok: true, output, next: null })
        else if (next === 'end') done(result)
        else jump(next, output, scope)
      }),
    )
  }
  const jump = (name: string, output: Json, from: Scope): void => {
    const index = list.findIndex((item) => item.name === name)
    if (index >= 0) {
      goTo(index, output)
      return
    }
    const detail = `then names ${name}, which is no task of this list`
    const error = standardError('configuration', detail, { instance: from.reference })
    done({ ok: false, error })
  }
  goTo(0, at.input)
}

function escapePointer(name: string): string {
  if (!/[~/]/.test(name)) return name
  return name.replaceAll('~', '~0').replaceAll('/', '~1')
}
