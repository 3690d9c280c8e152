// Bench: workflow
//
// Claim: a durable run of three steps costs a tenth of what it costs in DBOS, and less than a third of the commits that
// it would take by hand. All three on the same embedded Postgres (fsync on, synchronous commits), interleaved;
// every step is a function with an effect, so that its outcome must be durable before the next begins. Restate runs
// beside them, on a server and a store of its own. For both peers see workflow-peers.ts.

import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Database, Engine, openDatabase, openNews } from '@tutti/control-plane/workflow'
import { type Program, prepareWorkflow } from '@tutti/core/workflow'
import postgres from 'postgres'
import { report, round } from './report.ts'
import { openPeers, type Peer, type Run } from './workflow-peers.ts'

const concurrencies = [1, 16, 64, 256]
const rounds = 3
const sliceMs = 1_500
const branches = 2_000
const branchesMsMax = 250

export async function workflow(): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'tutti-bench-workflow-'))
  const database = await openDatabase({ url: undefined, dataFolder: folder })
  const tutti = await openTutti(database)
  const others = await openPeers(database, folder)
  const peers: Record<string, Peer> = { raw: await openRaw(database), tutti, ...others }
  try {
    const rows = []
    const rates = new Map<string, number>()
    for (const concurrency of concurrencies) {
      const found = await measure(peers, concurrency)
      for (const [name, { perSecond, p50, p99 }] of found) {
        rates.set(`${name} ${concurrency}`, perSecond)
        const row = { concurrency, engine: name, 'runs/s': Math.round(perSecond) }
        rows.push({ ...row, 'p50 ms': round(p50), 'p99 ms': round(p99) })
      }
    }
    const wide = await measureBranches(tutti)
    process.stdout.write(
      `${branches} branches: ${Math.round(wide)} ms, bound ${branchesMsMax} ms\n`,
    )
    const against = 'dbos' in others ? 'dbos' : 'raw'
    const value = rates.get('tutti 64') ?? 0
    report(rows, {
      bench: 'workflow',
      metric: 'three durable steps at 64 concurrent',
      value: Math.round(value),
      unit: 'runs/s',
      peer: against,
      ratio: round(value / (rates.get(`${against} 64`) ?? Number.NaN)),
    })
  } finally {
    for (const { stop } of Object.values(peers)) await stop()
    await database.stop()
    rmSync(folder, { recursive: true, force: true })
  }
}

interface Figures {
  readonly perSecond: number
  readonly p50: number
  readonly p99: number
}

/** Slices of each peer in turn, so that what disturbs one disturbs all. */
async function measure(
  peers: Readonly<Record<string, Peer>>,
  concurrency: number,
): Promise<ReadonlyMap<string, Figures>> {
  const slices = new Map<string, { perSecond: number; latencies: number[] }[]>()
  for (let i = 0; i < rounds; i++) {
    for (const [name, { run }] of Object.entries(peers)) {
      const slice = await slice1(run, concurrency)
      slices.set(name, [...(slices.get(name) ?? []), slice])
    }
  }
  return new Map(
    [...slices].map(([name, some]) => {
      const all = some.flatMap(({ latencies }) => latencies).sort((a, b) => a - b)
      const at = (share: number) => all[Math.floor(all.length * share)] ?? 0
      const perSecond = some.map((slice) => slice.perSecond).sort((a, b) => a - b)
      return [name, { perSecond: perSecond[rounds >> 1] ?? 0, p50: at(0.5), p99: at(0.99) }]
    }),
  )
}

async function slice1(run: Run, concurrency: number) {
  const latencies: number[] = []
  const startMs = performance.now()
  const lane = async () => {
    while (performance.now() - startMs < sliceMs) {
      const beganMs = performance.now()
      await run()
      latencies.push(performance.now() - beganMs)
    }
  }
  await Promise.all(Array.from({ length: concurrency }, lane))
  return { perSecond: latencies.length / ((performance.now() - startMs) / 1000), latencies }
}

/** Five prepared commits, one after the other, over a pool of 32: start, three steps, end. */
async function openRaw({ sql }: Database): Promise<Peer> {
  await sql`create table raw_step (id bigint, step int, body text, primary key (id, step))`
  const { path, user } = sql.options
  const pool = postgres({ path, user, database: 'postgres', max: 32 })
  let next = 0
  return {
    run: async () => {
      next += 1
      const id = next
      for (let step1 = 0; step1 < 5; step1++) {
        await pool`insert into raw_step values (${id}, ${step1}, '{"a":1}')`
      }
    },
    stop: () => pool.end({ timeout: 1 }),
  }
}

interface TuttiPeer extends Peer {
  /** Runs a document of many branches at once. */
  readonly runWide: Run
}

async function openTutti(database: Database): Promise<TuttiPeer> {
  const programs = new Map([
    ['steps', prepared({ document: head('steps'), do: ['one', 'two', 'three'].map(step) })],
    ['wide', prepared({ document: head('wide'), do: [{ all: { fork: { branches: many } } }] })],
  ])
  const news = await openNews(database)
  const engine = await Engine.open({
    sql: database.sql,
    news,
    program: async ({ name }) => {
      const program = programs.get(name)
      if (program === undefined) throw new Error(`there is no ${name}`)
      return program
    },
    surroundings: async () => ({ secrets: {}, runtime: { name: 'tutti', version: '0' } }),
    act: async () => ({ a: 1 }),
    nowMs: () => Date.now(),
    onTrouble: (what, error) => process.stderr.write(`${what}: ${error}\n`),
    onFenced: () => process.stderr.write('fenced\n'),
  })
  const run = async (name: string) => {
    const of = { project: 'bench', namespace: 'bench', name, version: '1.0.0' }
    return await engine.outcomeOf(await engine.start({ ...of, input: { a: 0 } }))
  }
  return {
    run: () => run('steps'),
    runWide: () => run('wide'),
    stop: () => engine.stop().then(news.stop),
  }
}

function head(name: string) {
  return { dsl: '1.0.3', namespace: 'bench', name, version: '1.0.0' }
}

const step = (name: string) => ({
  [name]: { call: 'http', with: { method: 'post', endpoint: 'http://step/', body: '${ .a }' } },
})
const many = Array.from({ length: branches }, (_, i) => step(`b${i}`))

function prepared(source: Parameters<typeof prepareWorkflow>[0]): Program {
  const preparation = prepareWorkflow(source)
  if (!preparation.ok) throw new Error(JSON.stringify(preparation.findings))
  return preparation.program
}

async function measureBranches({ runWide }: TuttiPeer): Promise<number> {
  const times: number[] = []
  for (let i = 0; i < rounds; i++) {
    const startMs = performance.now()
    await runWide()
    times.push(performance.now() - startMs)
  }
  return times.sort((a, b) => a - b)[rounds >> 1] ?? 0
}
