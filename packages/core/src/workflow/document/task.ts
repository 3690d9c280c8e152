// Task
//
// The task types of the Open Workflow Specification 1.0.3. A list of tasks is written as objects with one
// member, the task's name; it is parsed into name and task.

import { z } from 'zod'
import { nearest } from '../../resource/index.ts'
import { callTask } from './call-task.ts'
import { duration } from './duration.ts'
import {
  contextExport,
  errorDefinition,
  errorFilter,
  eventConsumption,
  eventProperties,
  output,
  retryPolicy,
} from './resource.ts'
import { runTask } from './run-task.ts'
import { type SaidIssue, saidIssues } from './said-issues.ts'
import { taskBase } from './task-base.ts'

export interface TaskItem {
  readonly name: string
  readonly task: Task
  /** As it was written, for `$task.definition`. */
  readonly definition: unknown
}
export type TaskList = readonly TaskItem[]

/** A list of named tasks, each parsed by the one schema of its type: findings point to the spot. */
export const taskList: z.ZodType<TaskList> = z.lazy(() =>
  z.array(z.record(z.string(), z.unknown())).transform((items, context): TaskItem[] =>
    items.flatMap((item, index) => {
      const [entry, ...others] = Object.entries(item)
      if (entry === undefined || others.length > 0) {
        const count = Object.keys(item).length
        const message = `a task is one name and what it does, got ${count} names`
        context.issues.push({ code: 'custom', message, input: item, path: [index] })
        return []
      }
      const [name, value] = entry
      const parsed = parseTask(value)
      if (parsed.success) return [{ name, task: parsed.data, definition: value }]
      for (const { message, path } of parsed.error.issues) {
        const at = [index, name, ...path]
        context.issues.push({ code: 'custom', message, path: at, input: value })
      }
      return []
    }),
  ),
)

const forkTask = z.strictObject({
  ...taskBase,
  fork: z.strictObject({ branches: taskList, compete: z.boolean().default(false) }),
})
const doTask = z.strictObject({ ...taskBase, do: taskList })
const emitTask = z.strictObject({
  ...taskBase,
  emit: z.strictObject({
    event: z.looseObject({
      with: eventProperties.refine(({ type }) => type !== undefined, 'an event has a type'),
    }),
  }),
})
const forTask = z.strictObject({
  ...taskBase,
  for: z.strictObject({
    each: z.string().default('item'),
    in: z.union([z.string(), z.array(z.record(z.string(), z.json()))]),
    at: z.string().default('index'),
  }),
  while: z.string().optional(),
  do: taskList,
})

/** What is done with each event or message of a subscription. */
export const subscriptionIterator = z.strictObject({
  item: z.string().default('item'),
  at: z.string().default('index'),
  do: taskList.optional(),
  output: output.optional(),
  export: contextExport.optional(),
})
export type SubscriptionIterator = z.infer<typeof subscriptionIterator>

const listenTask = z.strictObject({
  ...taskBase,
  listen: z.strictObject({
    to: eventConsumption,
    read: z.enum(['data', 'envelope', 'raw']).default('data'),
  }),
  foreach: subscriptionIterator.optional(),
})
const raiseTask = z.strictObject({
  ...taskBase,
  raise: z.strictObject({ error: z.union([errorDefinition, z.string()]) }),
})
const setTask = z.strictObject({
  ...taskBase,
  set: z.union([
    z.string(),
    z
      .record(z.string(), z.json())
      .refine((value) => Object.keys(value).length > 0, 'set names at least one property'),
  ]),
})
const switchCase = z.strictObject({ when: z.string().optional(), then: z.string() })
const switchTask = z.strictObject({
  ...taskBase,
  switch: z
    .array(
      z
        .record(z.string(), switchCase)
        .refine((value) => Object.keys(value).length === 1, 'a case is one name and one case'),
    )
    .min(1),
})
const tryTask = z.strictObject({
  ...taskBase,
  try: taskList,
  catch: z.strictObject({
    errors: z.looseObject({ with: errorFilter.optional() }).optional(),
    as: z.string().default('error'),
    when: z.string().optional(),
    exceptWhen: z.string().optional(),
    retry: z.union([retryPolicy, z.string()]).optional(),
    do: taskList.optional(),
    then: z.string().optional(),
  }),
})
const waitTask = z.strictObject({ ...taskBase, wait: duration })

const schemas = {
  call: callTask,
  fork: forkTask,
  emit: emitTask,
  for: forTask,
  listen: listenTask,
  raise: raiseTask,
  run: runTask,
  set: setTask,
  switch: switchTask,
  try: tryTask,
  wait: waitTask,
  do: doTask, // last: a `for` has a `do` too
} as const

export type TaskType = keyof typeof schemas
export const taskTypes = Object.keys(schemas) as readonly TaskType[]

export type TaskOf<Type extends TaskType> = z.infer<(typeof schemas)[Type]> & {
  readonly type: Type
}
export type Task = { readonly [Type in TaskType]: TaskOf<Type> }[TaskType]

type ParsedTask =
  | { readonly success: true; readonly data: Task }
  | { readonly success: false; readonly error: { readonly issues: readonly SaidIssue[] } }

/** One task, by the schema of the type that its members tell. */
export function parseTask(value: unknown): ParsedTask {
  const keys = typeof value === 'object' && value !== null ? Object.keys(value) : []
  const type = taskTypes.find((name) => keys.includes(name))
  if (type === undefined) {
    const near = keys.map((key) => nearest(key, taskTypes)).find((name) => name !== null)
    const hint = near === undefined ? '' : `: did you mean ${near}?`
    const message = `expected a task with one of ${taskTypes.join(', ')}${hint}`
    return { success: false, error: { issues: [{ message, path: [] }] } }
  }
  const parsed = schemas[type].safeParse(value)
  if (!parsed.success) return { success: false, error: { issues: saidIssues(parsed.error.issues) } }
  return { success: true, data: { ...parsed.data, type } as Task }
}

export const taskSchema: z.ZodType<Task> = z.unknown().transform((value, context): Task => {
  const parsed = parseTask(value)
  if (parsed.success) return parsed.data
  for (const { message, path } of parsed.error.issues) {
    context.issues.push({ code: 'custom', message, path: [...path], input: value })
  }
  return z.NEVER
})

export type ParsedTaskList =
  | { readonly ok: true; readonly list: TaskList }
  | { readonly ok: false; readonly reason: string }

/** A list of tasks that stands where the specification foresees none: in a function's arguments. */
export function parseTaskList(value: unknown): ParsedTaskList {
  const parsed = taskList.safeParse(value)
  if (parsed.success) return { ok: true, list: parsed.data }
  const reasons = parsed.error.issues.map(({ path, message }) => `${path.join('.')}: ${message}`)
  return { ok: false, reason: reasons.join('; ') }
}
