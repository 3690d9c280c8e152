// Engine bed
//
// What an engine needs to run an example: a database, somebody to ask, and people who answer. Does steps in earnest, and
// says which it did.

import {
  ActFailed,
  Engine,
  type EnginePorts,
  loadJournals,
  openEgress,
  openReach,
  type PerformPorts,
  performer,
  sendSignal,
} from '@tutti/control-plane/workflow'
import { type Program, prepareWorkflow, standardError } from '@tutti/core/workflow'

export type Sql = PerformPorts['sql']
export type Json = Parameters<typeof prepareWorkflow>[0]

export interface Example {
  readonly document: Json
  /** Workflows that its runs start. */
  readonly others?: readonly Json[]
  readonly input: Json
  /** What people answer. */
  readonly answer?: Json
}

export interface BenchParts {
  /** Where Routes answer. */
  readonly inference: { readonly url: string; readonly key: string }
  /** What runs may name. */
  readonly secrets: Readonly<Record<string, string>>
}

export interface Bed extends BenchParts {
  readonly sql: Sql
  readonly news: EnginePorts['news']
  /** Of the run. */
  readonly id: string
}

/** A step that fails the first time, or that is done twice. */
export interface StepTrouble {
  readonly kind: 'fail' | 'repeat'
  readonly step: string
}

const runtime = { name: 'tutti', version: 'examples' }

export function requestOf(bed: Bed, { input }: Example) {
  const name = { namespace: 'examples', name: 'example', version: '1.0.0' }
  // A project of its own: what another run has made is not there.
  return { project: bed.id, ...name, input, id: bed.id }
}

/** `sql`: the engine's own line to the database. */
export async function openEngine(
  bed: Bed,
  { document, others = [] }: Example,
  parts: { readonly sql: Sql; readonly act: EnginePorts['act'] },
): Promise<Engine> {
  const own = programOf(document)
  const known = new Map(others.map(programOf).map((program) => [nameOf(program), program]))
  return await Engine.open({
    ...{ ...parts, news: bed.news, nowMs: () => Date.now() },
    program: async ({ namespace, name }) => known.get(`${namespace}.${name}`) ?? own,
    surroundings: async () => ({ secrets: bed.secrets, runtime }),
    onTrouble: () => {},
    onFenced: () => {},
  })
}

function programOf(source: Json): Program {
  const prepared = prepareWorkflow(source)
  if (!prepared.ok) throw new Error(JSON.stringify(prepared.findings))
  return prepared.program
}

function nameOf({ document: { document: head } }: Program): string {
  return `${head.namespace}.${head.name}`
}

/** Does what steps ask for; `steps` gets the keys of what was begun. */
export function actor(bed: Bed, trouble: StepTrouble | null, steps: string[]): EnginePorts['act'] {
  const perform = performer({
    ...{ sql: bed.sql, nowMs: () => Date.now() },
    egress: openEgress({ allowPrivate: true }),
    reach: openReach({ allowPrivate: true }),
    inference: () => bed.inference,
    start: async () => '',
    newest: async () => null,
    outcome: async () => null,
  })
  return async (act, context) => {
    if ((await completedKeys({ sql: bed.sql, id: context.head.id })).includes(act.key)) {
      throw new Error(`${act.key} is done again, though its outcome is written`)
    }
    const isFirst = !steps.includes(act.key)
    steps.push(act.key)
    if (trouble?.kind === 'fail' && trouble.step === act.key && isFirst) {
      throw new ActFailed(standardError('communication', 'out of order', { status: 503 }))
    }
    if (trouble?.kind === 'repeat' && trouble.step === act.key) await perform(act, context)
    return await perform(act, context)
  }
}

/** What is written as completed. */
export async function completedKeys({ sql, id }: Pick<Bed, 'sql' | 'id'>): Promise<string[]> {
  const journal = (await loadJournals(sql, [id])).get(id)?.entries ?? []
  return journal.flatMap((entry) => (entry.kind === 'completed' ? [entry.key] : []))
}

/** Everybody who is asked answers, and answers twice. */
export async function answerPeople({ sql, id }: Bed, { answer }: Example): Promise<void> {
  const waiting = await sql<{ key: string }[]>`
    select key from workflow_waiting where run = ${id} and kind = 'answer'`
  const output = { answer: answer ?? null, by: 'ann', atMs: 0 }
  for (const { key } of waiting) {
    await sendSignal(sql, id, { kind: 'completed', key, output })
    await sendSignal(sql, id, { kind: 'completed', key, output })
  }
}
