// Task
//
// The tasks of a workflow as functions: each gives the JSON that the document holds, in the words of the Open Workflow
// Specification. A text of the form `${ … }` is an expression in jq; `jq` writes one.

/** JSON of a document. */
export type Value =
  | null
  | boolean
  | number
  | string
  | readonly Value[]
  | { readonly [key: string]: Value | undefined }

/** What any task may say besides what it does. */
export interface TaskOptions {
  readonly if?: string
  readonly input?: Value
  readonly output?: Value
  readonly export?: Value
  readonly timeout?: Value
  /** `continue`, `exit`, `end`, or a step of the same list. */
  readonly then?: string
  /** What takes the task back, inside `compensate`: its input is `{input, output}`. */
  readonly undo?: Steps
  /** The result counts for the same call that long, in all runs of the project; `key` is jq. */
  readonly cache?: { readonly ttl: Value; readonly key?: string }
  /** The result goes into the content store, and a reference to it into the run. */
  readonly artifact?: { readonly name: string; readonly mediaType?: string }
  /** The result is the newest version of this asset of the project; `partition` is jq over it. */
  readonly asset?: { readonly name: string; readonly partition?: string }
  /** Assets that the task reads, as `$assets`. */
  readonly needs?: readonly AssetNeeded[]
}

/** An asset that a task reads. */
export interface AssetNeeded {
  readonly asset: string
  /** jq: the name of a partition, or a list of them. */
  readonly partition?: string
  /** How old it may be when it is read. */
  readonly freshness?: Value
  /** What makes it where it is stale or absent; absent: then it is an error. */
  readonly produce?: {
    readonly namespace: string
    readonly name: string
    readonly version?: string
    readonly input?: { readonly [key: string]: Value | undefined }
  }
}

export type Task = { readonly [key: string]: Value | undefined }
/** Named steps, in their order. */
export type Steps = Readonly<Record<string, Task>>

/**
 * An expression, as it is written: a `\(` in a text is jq's own.
 * @example
 * set({ total: jq`[.items[].price] | add` })
 */
export function jq(parts: TemplateStringsArray, ...values: readonly (string | number)[]): string {
  const text = parts.raw.reduce((all, part, i) => `${all}${values[i - 1] ?? ''}${part}`)
  return `\${ ${text} }`
}

/** Named steps as the list that documents have. */
export function listOf(steps: Steps): Value {
  return Object.entries(steps).map(([name, task]) => ({ [name]: task }))
}

function task(body: Task, { undo, cache, artifact, asset, needs, ...options }: TaskOptions): Task {
  const tutti: Task = {
    ...(undo === undefined ? {} : { undo: listOf(undo) }),
    ...(cache === undefined ? {} : { cache }),
    ...(artifact === undefined ? {} : { artifact }),
    ...(asset === undefined ? {} : { asset }),
    ...(needs === undefined ? {} : { needs: needs.map((need) => ({ ...need })) }),
  }
  const metadata = Object.keys(tutti).length === 0 ? {} : { metadata: { tutti } }
  return { ...options, ...metadata, ...body }
}

export const set = (values: Task, options: TaskOptions = {}): Task => task({ set: values }, options)
export const wait = (duration: Value, options: TaskOptions = {}): Task =>
  task({ wait: duration }, options)
export const emit = (event: Task, options: TaskOptions = {}): Task =>
  task({ emit: { event: { with: event } } }, options)
export const listen = (to: Value, options: TaskOptions = {}): Task =>
  task({ listen: { to } }, options)
export const raise = (error: Value, options: TaskOptions = {}): Task =>
  task({ raise: { error } }, options)

/** Calls a function of the document, of a catalog, or over a protocol. */
export const call = (name: string, given: Task = {}, options: TaskOptions = {}): Task =>
  task({ call: name, with: given }, options)
export const http = (
  given: { readonly method: string; readonly endpoint: Value } & Task,
  options?: TaskOptions,
): Task => call('http', given, options)

/** Asks a Route: a chat with `messages`, or tensors with `inputs`. */
export const infer = (given: { readonly route: string } & Task, options?: TaskOptions): Task =>
  call('tutti.infer', given, options)
export const embed = (
  given: { readonly route: string; readonly input: Value },
  options?: TaskOptions,
): Task => call('tutti.embed', given, options)
/** A model that uses tools until it has an answer. */
export const agent = (given: { readonly route: string } & Task, options?: TaskOptions): Task =>
  call('tutti.agent', given, options)
/** A person fills in a form. */
export const human = (given: { readonly title: string } & Task, options?: TaskOptions): Task =>
  call('tutti.human', given, options)

/** One list of steps for each item, many at the same time. */
export const map = (
  given: { readonly in: Value } & Task,
  steps: Steps,
  options?: TaskOptions,
): Task => call('tutti.map', { ...given, do: listOf(steps) }, options)
/** Steps that are undone, the last one first, where one of them fails. */
export const compensate = (steps: Steps, options?: TaskOptions): Task =>
  call('tutti.compensate', { do: listOf(steps) }, options)

export const steps = (list: Steps, options: TaskOptions = {}): Task =>
  task({ do: listOf(list) }, options)
export const forEach = (
  given: { readonly in: string; readonly each?: string; readonly at?: string },
  list: Steps,
  options: TaskOptions = {},
): Task => task({ for: given, do: listOf(list) }, options)
/** All branches at the same time. */
export const parallel = (branches: Steps, options: TaskOptions = {}): Task =>
  task({ fork: { branches: listOf(branches) } }, options)
/** The first branch that is done gives the output; the others are stopped. */
export const race = (branches: Steps, options: TaskOptions = {}): Task =>
  task({ fork: { branches: listOf(branches), compete: true } }, options)
export const attempt = (
  list: Steps,
  handler: { readonly do?: Steps } & Omit<Task, 'do'>,
  options: TaskOptions = {},
): Task => {
  const { do: handling, ...rest } = handler
  const caught = handling === undefined ? rest : { ...rest, do: listOf(handling) }
  return task({ try: listOf(list), catch: caught }, options)
}
/** The first case whose condition holds says which step comes next. */
export const choose = (
  cases: Readonly<Record<string, { readonly when?: string; readonly then: string }>>,
  options: TaskOptions = {},
): Task => task({ switch: Object.entries(cases).map(([name, one]) => ({ [name]: one })) }, options)
export const subflow = (
  workflow: { readonly namespace: string; readonly name: string; readonly version: string } & Task,
  options: TaskOptions = {},
): Task => task({ run: { workflow } }, options)

/** What a process is given, and what the step gets of it. */
export interface ProcessGiven {
  readonly arguments?: readonly string[]
  readonly environment?: Task
  readonly stdin?: string
  /** `stdout` where absent. */
  readonly return?: 'stdout' | 'stderr' | 'code' | 'all' | 'none'
}
/** A script in JavaScript or Python, on a node that allows it. */
export const script = (
  given: { readonly language: 'js' | 'python'; readonly code: string } & ProcessGiven,
  options: TaskOptions = {},
): Task => {
  const { return: wanted, ...rest } = given
  return task(
    { run: { script: rest, ...(wanted === undefined ? {} : { return: wanted }) } },
    options,
  )
}
/** A container, on a node that allows it. */
export const container = (
  given: {
    readonly image: string
    readonly command?: string
    readonly pullPolicy?: 'ifNotPresent' | 'always' | 'never'
  } & ProcessGiven,
  options: TaskOptions = {},
): Task => {
  const { return: wanted, ...rest } = given
  return task(
    { run: { container: rest, ...(wanted === undefined ? {} : { return: wanted }) } },
    options,
  )
}
/** A command of the shell, on a node that allows it. */
export const shell = (
  given: { readonly command: string } & ProcessGiven,
  options: TaskOptions = {},
): Task => {
  const { return: wanted, ...rest } = given
  return task(
    { run: { shell: rest, ...(wanted === undefined ? {} : { return: wanted }) } },
    options,
  )
}
