// Stage
//
// What the task types need of the machine that runs them, and what they hand to each other.

import type { Json } from '../../resource/index.ts'
import type { TaskItem, TaskList, WorkflowDocument } from '../document/index.ts'
import type { Action } from './command.ts'
import type { CloudEvent } from './entry.ts'
import type { Expressions, Sight } from './expressions.ts'
import type { WorkflowError } from './workflow-error.ts'

/** Something that goes on and can be stopped, with all that goes on inside it. */
export interface Activity {
  readonly parent: Activity | null
  /** Set by the machine when it is stopped; nothing inside it goes on after that. */
  isOver: boolean
}

/** Where in document and run something stands. */
export interface Scope {
  /** The key of the journal: the reference, with iterations, visits and attempts. */
  readonly key: string
  /** JSON Pointer into the document, as errors name it. */
  readonly reference: string
  readonly names: readonly string[]
  readonly values: readonly Json[]
  readonly activity: Activity
  /** Tasks of an extension are not extended again. */
  readonly isExtension: boolean
  /** Who wants to know what is completed here, so as to undo it; null: nobody. */
  readonly saga: Saga | null
}

/** What would have to be undone, in the order in which it was completed. */
export interface Saga {
  readonly steps: {
    readonly list: TaskList
    /** Of the task that was completed. */
    readonly scope: Scope
    readonly input: Json
  }[]
}

/** One task at work. */
export interface Site {
  readonly item: TaskItem
  readonly scope: Scope
  /** After `input.from`. */
  readonly input: Json
  readonly startedAtMs: number
}

export type Result =
  /** `next`: a directive or the name of a task; null: as the task itself says. */
  | { readonly ok: true; readonly output: Json; readonly next: string | null }
  | { readonly ok: false; readonly error: WorkflowError }
export type Done = (result: Result) => void
export type Body = (stage: Stage, site: Site, done: Done) => void

/** A listener: whether it takes an event, and what it does with one. */
export interface Listener {
  readonly types: readonly string[] | null
  readonly accepts: (event: CloudEvent) => boolean
  readonly take: (event: CloudEvent) => void
}

/** Undoes what was done; says what could not be undone. */
export type Undo = (activity: Activity, done: (failures: readonly string[]) => void) => void

export interface Stage {
  readonly document: WorkflowDocument
  readonly expressions: Expressions
  readonly runId: string
  /** What part of its data the run is about; empty: its workflow has none. */
  readonly partition: string
  readonly secrets: Readonly<Record<string, Json>>
  readonly nowMs: () => number
  readonly sight: (site: Pick<Site, 'scope'> & Partial<Site>, output?: Json) => Sight
  readonly inputAt: (key: string, input: Json) => Json
  readonly runTask: (item: TaskItem, scope: Scope, input: Json, done: Done) => void
  /** Tells whoever watches: a task that is skipped is not told of. */
  readonly tell: (change: 'started' | 'retried', item: TaskItem, scope: Scope) => void
  /** Null: without an error. */
  readonly tellEnd: (item: TaskItem, scope: Scope, error: WorkflowError | null) => void
  /** Of a task that waits for events: it begins to (null), or has them, with what they share. */
  readonly tellCorrelation: (scope: Scope, keys: ReadonlyMap<string, Json> | null) => void
  readonly runList: (list: TaskList, scope: Scope, input: Json, done: Done) => void
  /** Goes on later in the same decision: loops do not grow the machine's stack. */
  readonly soon: (scope: Scope, turn: () => void) => void
  readonly complete: (scope: Scope, output: Json, done: Done) => void
  readonly act: (site: Pick<Site, 'item' | 'scope'>, action: Action, done: Done) => void
  /** Calls back when that time has come; returns the key under which it can be cancelled. */
  readonly wait: (scope: Scope, untilMs: number, then: () => void) => void
  readonly listen: (scope: Scope, listener: Listener) => void
  /** Stops what waits at this key. */
  readonly cancel: (key: string) => void
  readonly open: (parent: Activity) => Activity
  /**
   * Calls back where an activity is stopped from outside, so that what was done in it is undone:
   * one after the other, the innermost first, and the run ends after that. Gives how to forget it.
   */
  readonly onStop: (activity: Activity, undo: Undo) => () => void
  /** Undoes in its turn, in an activity that nothing stops. */
  readonly undo: (undo: Undo) => void
  readonly isOver: (activity: Activity) => boolean
  /** Stops all that goes on in an activity. */
  readonly close: (activity: Activity) => void
  readonly checkSchema: (schema: Json, value: Json) => string | null
  readonly setContext: (context: Json) => void
}

/** A place below another one. */
export function inside(scope: Scope, segment: string, more: Partial<Scope> = scope): Scope {
  const { key, reference } = scope
  return placed(scope, more, { key: `${key}/${segment}`, reference: `${reference}/${segment}` })
}

/** The same place in the document, at another turn of a loop or another attempt. */
export function turn(scope: Scope, mark: string, more: Partial<Scope> = scope): Scope {
  const { key, reference } = scope
  return placed(scope, more, { key: `${key}${mark}`, reference })
}

/** Member by member: every task passes here, and a second spread costs more than all of it. */
function placed(
  scope: Scope,
  more: Partial<Scope>,
  { key, reference }: Pick<Scope, 'key' | 'reference'>,
): Scope {
  return {
    key,
    reference,
    names: more.names ?? scope.names,
    values: more.values ?? scope.values,
    activity: more.activity ?? scope.activity,
    isExtension: more.isExtension ?? scope.isExtension,
    saga: more.saga === undefined ? scope.saga : more.saga,
  }
}

export function withVariables(
  scope: Scope,
  variables: Readonly<Record<string, Json>>,
): Pick<Scope, 'names' | 'values'> {
  return {
    names: [...scope.names, ...Object.keys(variables)],
    values: [...scope.values, ...Object.values(variables)],
  }
}
