// Tried: a step that is tried again where whom it asks cannot be reached.

import { attempt, type Steps, type Task, type TaskOptions } from '@tutti/sdk/workflow'

const errors = {
  with: { type: 'https://open-workflow-specification.org/dsl/errors/types/communication' },
}
const retry = { delay: { milliseconds: 1 }, limit: { attempt: { count: 3 } } }

/** The step under its name, up to three times more. */
export function tried(name: string, step: Task, options: TaskOptions = {}): Task {
  const list: Steps = { [name]: step }
  return attempt(list, { errors, retry }, options)
}
