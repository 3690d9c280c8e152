// Define workflow
//
// A workflow written in TypeScript that is the same document as one written in YAML: named steps, checked before anything
// is sent.

import { formatFinding } from '@tutti/core/resource'
import { checkRunnable, prepareWorkflow } from '@tutti/core/workflow'
import { Failure } from '../failure.ts'
import { listOf, type Steps, type Task, type Value } from './task.ts'

export interface WorkflowHead {
  readonly namespace: string
  readonly name: string
  readonly version: string
  readonly title?: string
  readonly summary?: string
  readonly metadata?: Readonly<Record<string, Value>>
  /** What all asks of models in a run may use; `cost` in dollars. */
  readonly budget?: { readonly tokens?: number; readonly cost?: number }
  /** Where its runs wait to be admitted, and how many are. */
  readonly queue?: string
  readonly priority?: number
  readonly concurrency?: number
  readonly rate?: { readonly runs: number; readonly per: Value }
  /** Each run is about one part of the data, and says in its input which (`partition`). */
  readonly partition?:
    | { readonly by: 'hour' | 'day' | 'month' }
    | { readonly keys: readonly string[] }
}

/** What else a document says: `input`, `output`, `use`, `timeout`, `schedule`. */
export type WorkflowOptions = Readonly<
  Partial<Record<'input' | 'output' | 'use' | 'timeout' | 'schedule', Value>>
>

/** Steps in their order. A name is taken once: twice does not compile. */
export class WorkflowDraft<Names extends string = never> {
  readonly #head: WorkflowHead
  readonly #options: WorkflowOptions
  readonly #steps: Steps

  constructor(head: WorkflowHead, options: WorkflowOptions, steps: Steps) {
    this.#head = head
    this.#options = options
    this.#steps = steps
  }

  step<Name extends string>(
    name: Name extends Names ? never : Name,
    task: Task,
  ): WorkflowDraft<Names | Name> {
    return new WorkflowDraft(this.#head, this.#options, { ...this.#steps, [name]: task })
  }

  /** The document; throws `sdk/workflow-invalid` with everything that is wrong with it. */
  build(): { readonly [key: string]: Value } {
    const made = {
      document: { dsl: '1.0.3', ...headOf(this.#head) },
      ...this.#options,
      do: listOf(this.#steps),
    }
    const document = JSON.parse(JSON.stringify(made)) // without what is undefined
    const prepared = prepareWorkflow(document)
    const findings = prepared.ok ? checkRunnable(prepared.program) : prepared.findings
    if (prepared.ok && findings.length === 0) return document
    const lines = findings.map(formatFinding).join('\n')
    throw new Failure('sdk/workflow-invalid', `the workflow cannot be declared:\n${lines}`)
  }
}

/** The properties that are ours stand under `metadata.tutti`. */
function headOf(head: WorkflowHead) {
  const { budget, queue, priority, concurrency, rate, partition, metadata, ...rest } = head
  const given = { budget, queue, priority, concurrency, rate, partition }
  const own = Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined))
  if (Object.keys(own).length === 0) return metadata === undefined ? rest : { ...rest, metadata }
  const { tutti = {}, ...others } = metadata ?? {}
  return { ...rest, metadata: { ...others, tutti: { ...Object(tutti), ...own } } }
}

/**
 * Begins a workflow.
 * @example
 * const document = defineWorkflow({ namespace: 'shop', name: 'refund', version: '1.0.0' })
 *   .step('decide', human({ title: 'Refund?' }))
 *   .step('note', set({ approved: jq`.answer` }))
 *   .build()
 */
export function defineWorkflow(head: WorkflowHead, options: WorkflowOptions = {}): WorkflowDraft {
  return new WorkflowDraft(head, options, {})
}
