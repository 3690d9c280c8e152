// Bench
//
// Runs an example through the real engine on a real Postgres, and makes trouble for it: a step that fails once, a step that
// is done twice, an engine that is cut off at any write, an engine's process that is killed at any write. Whatever the
// trouble, the output must be the same.

import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { openDatabase, openNews } from '@tutti/control-plane/workflow'
import type { Outcome } from '@tutti/core/workflow'
import {
  actor,
  answerPeople,
  type Bed,
  type BenchParts,
  completedKeys,
  type Example,
  openEngine,
  requestOf,
  type Sql,
  type StepTrouble,
} from './engine-bed.ts'
import { type EndAt, Wire } from './wire.ts'

export type Trouble =
  | { readonly kind: 'none' }
  /** `repeat`: the step is done, its outcome is lost, and it is done again. */
  | StepTrouble
  /** The engine does nothing more from this write on, and another one goes on. */
  | ({ readonly kind: 'cut' } & EndAt)
  /** The engine is a process of its own that is killed at this write, and another one goes on. */
  | ({ readonly kind: 'kill' } & EndAt)

export interface Ended {
  readonly outcome: Outcome
  /** Keys of what was done, in the order in which it began; unknown of processes. */
  readonly steps: readonly string[]
  /** Keys of what is written as completed. */
  readonly completed: readonly string[]
  /** Of the last engine that told. */
  readonly writes: number
  /** Whether an engine's process was killed on the way. */
  readonly wasKilled: boolean
}

export interface Bench {
  readonly run: (example: Example, trouble: Trouble) => Promise<Ended>
  readonly stop: () => Promise<void>
}

export async function openBench(parts: BenchParts): Promise<Bench> {
  const folder = mkdtempSync(join(tmpdir(), 'tutti-examples-'))
  const database = await openDatabase({ url: undefined, dataFolder: folder })
  const news = await openNews(database)
  const lives = new Lives()
  let runs = 0
  return {
    run: async (example, trouble) => {
      runs += 1
      const bed = { sql: database.sql, news, ...parts, id: `run-${runs}` }
      const ended =
        trouble.kind === 'kill'
          ? await liveTwice({ bed, example, folder, lives }, trouble)
          : await live(bed, example, trouble)
      return { ...ended, completed: await completedKeys(bed) }
    },
    stop: async () => {
      lives.stop()
      await news.stop()
      await database.stop()
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

type Lived = Omit<Ended, 'completed'>

async function live(
  bed: Bed,
  example: Example,
  trouble: Exclude<Trouble, { readonly kind: 'kill' }>,
): Promise<Lived> {
  const steps: string[] = []
  const isStep = trouble.kind === 'fail' || trouble.kind === 'repeat'
  const act = actor(bed, isStep ? trouble : null, steps)
  const afterWrite = () => answerPeople(bed, example)
  const wire = new Wire(bed.sql, { endAt: trouble.kind === 'cut' ? trouble : null, afterWrite })
  const open = (sql: Sql) => openEngine(bed, example, { sql, act })
  const request = requestOf(bed, example)
  const first = await open(wire.sql)
  const engines = [first]
  void first.start(request)
  let outcome = await Promise.race([first.outcomeOf(bed.id), wire.isCut.then(() => null)])
  if (outcome === null) {
    await bed.sql`update workflow_engine set is_dead = true where not is_dead`
    const second = await open(new Wire(bed.sql, { endAt: null, afterWrite }).sql)
    engines.push(second)
    const there = await bed.sql`select 1 from workflow_run where id = ${bed.id}`
    if (there.length === 0) await second.start(request)
    await afterWrite()
    outcome = await second.outcomeOf(bed.id)
  }
  wire.mend() // what the first one still writes is refused
  for (const engine of engines) await engine.stop()
  return { outcome, steps, writes: wire.writes, wasKilled: false }
}

/** What a process is told that runs an example to its end, or to its own. */
export interface Life {
  readonly folder: string
  readonly example: Example
  readonly bed: BenchParts & Pick<Bed, 'id'>
  readonly endAt: EndAt | null
}

interface Place {
  readonly bed: Bed
  readonly example: Example
  readonly folder: string
  readonly lives: Lives
}

/** A process that is killed, and one that goes on. */
async function liveTwice(
  { bed, example, folder, lives }: Place,
  { at, when }: EndAt,
): Promise<Lived> {
  const { inference, secrets, id } = bed
  const life = { folder, example, bed: { inference, secrets, id } }
  const first = await lives.run({ ...life, endAt: { at, when } })
  const said = first ?? (await lives.run({ ...life, endAt: null }))
  if (said === null) throw new Error('a process that nobody killed ended without an outcome')
  return { ...said, steps: [], wasKilled: first === null }
}

const require = createRequire(import.meta.url)

/** Processes that wait to be told what to run: starting one takes longer than most runs. */
class Lives {
  /** The next one; written by `run` and `stop`. */
  #spare: ChildProcess | null = null

  /** What the process said at its end; null where it was killed. */
  run(life: Life): Promise<Pick<Ended, 'outcome' | 'writes'> | null> {
    const child = this.#spare ?? spawnLife()
    this.#spare = spawnLife()
    let text = ''
    child.stdout?.on('data', (chunk) => {
      text += chunk
    })
    child.stdin?.end(JSON.stringify(life))
    return new Promise((resolve, reject) => {
      child.once('close', (code, signal) => {
        if (signal === 'SIGKILL') resolve(null)
        else if (code === 0) resolve(JSON.parse(text))
        else reject(new Error(`a life ended with ${signal ?? code}`))
      })
    })
  }

  stop(): void {
    this.#spare?.kill('SIGKILL')
    this.#spare = null
  }
}

function spawnLife(): ChildProcess {
  const folder = dirname(require.resolve('@tutti/examples/package.json'))
  const main = join(folder, 'dist/workflows/engine-life.js')
  return spawn(process.execPath, [main], { stdio: ['pipe', 'pipe', 'inherit'] })
}
