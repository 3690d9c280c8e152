// Task of
//
// The task of a site, as the type that its body knows it to be.

import { assert } from '../../assert.ts'
import type { TaskOf, TaskType } from '../document/index.ts'
import type { Site } from './stage.ts'

export function taskOf<Type extends TaskType>({ item }: Site, type: Type): TaskOf<Type> {
  const task: { readonly type: TaskType } = item.task
  assert(isOf(task, type), `a ${task.type} task is run by its own body`)
  return task
}

function isOf<Type extends TaskType>(
  task: { readonly type: TaskType },
  type: Type,
): task is TaskOf<Type> {
  return task.type === type
}
