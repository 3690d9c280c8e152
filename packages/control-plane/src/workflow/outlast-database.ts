// Outlast database
//
// A step that failed only because the database was away is done again, under the same key, as it would be after a crash: a Postgres
// that is started again is no error of the run that wrote an event or took an artifact just then.

import { isDatabaseAway } from '../store/index.ts'
import type { EnginePorts } from './engine-ports.ts'

const againMs = 500
const attemptsMax = 120 // a minute: then the step fails with what the database said

export function outlasting(
  act: EnginePorts['act'],
  pause: (ms: number, signal: AbortSignal) => Promise<unknown>,
): EnginePorts['act'] {
  return async (step, context) => {
    for (let attempt = 1; ; attempt++) {
      try {
        return await act(step, context)
      } catch (error) {
        const isOver = attempt >= attemptsMax || context.signal.aborted
        if (isOver || !isDatabaseAway(error)) throw error
        await pause(againMs, context.signal)
      }
    }
  }
}
