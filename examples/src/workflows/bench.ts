// Bench
//
// Runs an example through the real engine on a real Postgres, and makes trouble for it: a step that fails once, a step that
// is done twice, an engine that is cut off at any write. Whatever the trouble, the output must be the same.

import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import {
  ActFailed,
  Engine,
  type EnginePorts,
  loadJournals,
  openDatabase,
  openEgress,
  openNews,
  openReach,
  type PerformPorts,
  performer,
  sendSignal,
} from '@tutti/control-plane/workflow'
import { type Outcome, prepareWorkflow, standardError } from '@tutti/core/workflow'

type Json = Parameters<typeof prepareWorkflow>[0]

export interface Example {
  readonly document: Json
  readonly input: Json
  /** What people answer. */
  readonly answer?: Json
}

export type Trouble =
  | { readonly kind: 'none' }
  /** The step fails the first time. */
  | { readonly kind: 'fail'; readonly step: string }
  /** The step is done, its outcome is lost, and it is done again. */
  | { readonly kind: 'repeat'; readonly step: string }
  /** The engine does nothing more from this write on, and another one goes on. */
  | { readonly kind: 'cut'; readonly at: number; readonly when: 'before' | 'after' }

export interface Ended {
  readonly outcome: Outcome
  /** Keys of what was done, in the order in which it began. */
  readonly steps: readonly string[]
  readonly writes: number
}

export interface Bench {
  readonly run: (example: Example, trouble: Trouble) => Promise<Ended>
  readonly stop: () => Promise<void>
}

type Sql = PerformPorts['sql']
const runtime = { name: 'tutti', version: 'examples' }
const head = { project: 'default', namespace: 'examples', name: 'example', version: '1.0.0' }

export interface BenchParts {
  /** Where Routes answer. */
  readonly inference: { readonly url: string; readonly key: string }
  /** What runs may name. */
  readonly secrets: Readonly<Record<string, string>>
}

export async function openBench(parts: BenchParts): Promise<Bench> {
  const folder = mkdtempSync(join(tmpdir(), 'tutti-examples-'))
  const database = await openDatabase({ url: undefined, dataFolder: folder })
  const news = await openNews(database)
  let runs = 0
  return {
    run: async (example, trouble) => {
      runs += 1
      const bed = { sql: database.sql, news, ...parts, id: `run-${runs}` }
      return await live(bed, example, trouble)
    },
    stop: async () => {
      await news.stop()
      await database.stop()
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

interface Bed extends BenchParts {
  readonly sql: Sql
  readonly news: EnginePorts['news']
  readonly id: string
}

async function live(bed: Bed, example: Example, trouble: Trouble): Promise<Ended> {
  const prepared = prepareWorkflow(example.document)
  if (!prepared.ok) throw new Error(JSON.stringify(prepared.findings))
  const { program } = prepared
  const steps: string[] = []
  const act = actor(bed, trouble, steps)
  const people = () => answerPeople(bed, example)
  const wire = new Wire(bed.sql, trouble, people)
  const open = (sql: Sql) =>
    Engine.open({
      ...{ sql, act, news: bed.news, nowMs: () => Date.now(), program: async () => program },
      surroundings: async () => ({ secrets: bed.secrets, runtime }),
      onTrouble: () => {},
      onFenced: () => {},
    })
  const request = { ...head, input: example.input, id: bed.id }
  const first = await open(wire.sql)
  const engines = [first]
  void first.start(request)
  let outcome = await Promise.race([first.outcomeOf(bed.id), wire.isCut.then(() => null)])
  if (outcome === null) {
    await bed.sql`update workflow_engine set is_dead = true where not is_dead`
    const second = await open(new Wire(bed.sql, { kind: 'none' }, people).sql)
    engines.push(second)
    const there = await bed.sql`select 1 from workflow_run where id = ${bed.id}`
    if (there.length === 0) await second.start(request)
    await people()
    outcome = await second.outcomeOf(bed.id)
  }
  wire.mend() // what the first one still writes is refused
  for (const engine of engines) await engine.stop()
  return { outcome, steps, writes: wire.writes }
}

/** Does what steps ask for, in earnest; fails or repeats the one that the trouble is about. */
function actor(bed: Bed, trouble: Trouble, steps: string[]): EnginePorts['act'] {
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
    const journal = (await loadJournals(bed.sql, [bed.id])).get(bed.id)?.entries ?? []
    if (journal.some((entry) => entry.kind === 'completed' && entry.key === act.key)) {
      throw new Error(`${act.key} is done again, though its outcome is written`)
    }
    const isFirst = !steps.includes(act.key)
    steps.push(act.key)
    if (trouble.kind === 'fail' && trouble.step === act.key && isFirst) {
      throw new ActFailed(standardError('communication', 'out of order', { status: 503 }))
    }
    if (trouble.kind === 'repeat' && trouble.step === act.key) await perform(act, context)
    return await perform(act, context)
  }
}

/** Everybody who is asked answers, and answers twice. */
async function answerPeople({ sql, id }: Bed, { answer }: Example): Promise<void> {
  const waiting = await sql<{ key: string }[]>`
    select key from workflow_waiting where run = ${id} and kind = 'answer'`
  const output = { answer: answer ?? null, by: 'ann', atMs: 0 }
  for (const { key } of waiting) {
    await sendSignal(sql, id, { kind: 'completed', key, output })
    await sendSignal(sql, id, { kind: 'completed', key, output })
  }
}

/** A line to the database that counts an engine's writes, and may be cut. */
class Wire {
  readonly sql: Sql
  /** Resolves when the line is cut. */
  readonly isCut: Promise<void>
  /** Lets what was held back through. */
  mend: () => void = () => {}
  writes = 0

  constructor(sql: Sql, trouble: Trouble, afterWrite: () => Promise<void>) {
    const mended = new Promise<void>((resolve) => {
      this.mend = resolve
    })
    let cut = () => {}
    this.isCut = new Promise((resolve) => {
      cut = resolve
    })
    const write = async (...query: Parameters<Sql['unsafe']>) => {
      this.writes += 1
      const isHere = trouble.kind === 'cut' && this.writes >= trouble.at
      const isLast = isHere && this.writes === trouble.at && trouble.when === 'after'
      const rows = !isHere || isLast ? await sql.unsafe(...query) : null
      if (isHere) {
        cut()
        await mended
        return rows ?? (await sql.unsafe(...query))
      }
      await afterWrite()
      return rows
    }
    this.sql = new Proxy(sql, {
      get: (of, name) => (name === 'unsafe' ? write : Reflect.get(of, name)),
    })
  }
}
