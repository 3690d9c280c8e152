// Bench: workflow recovery
//
// Claims: 10,000 pending runs are resumed and finished within 2 s after their engine was killed; another engine that was
// there already takes them over within 5 s; runs that wait cost neither memory nor processor, and an answer is acted
// on within 50 ms.

import { fork } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { type Database, openDatabase, sendSignal } from '@tutti/control-plane/workflow'
import { report, round } from './report.ts'
import { openPending, request } from './workflow-life.ts'

const pending = 10_000
const waiting = 100_000
const answered = 300
const idleMs = 10_000
const resumeMsMax = 2_000

export async function workflowRecovery(): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'tutti-bench-recovery-'))
  const database = await openDatabase({ url: undefined, dataFolder: folder })
  try {
    const resumeMs = await measureResume(database, folder)
    const takeOverMs = await measureTakeOver(database, folder)
    const calm = await measureWaiting(database)
    const rows = [
      {
        what: `${pending} runs resumed and finished, ms`,
        value: Math.round(resumeMs),
        bound: 2_000,
      },
      {
        what: `${pending} runs taken over and finished, ms`,
        value: Math.round(takeOverMs),
        bound: 5_000,
      },
      {
        what: `${waiting} waiting runs, MB beyond an empty engine`,
        value: round(calm.megabytes),
        bound: 150,
      },
      { what: `${waiting} waiting runs, % of a core`, value: round(calm.percent), bound: 1 },
      { what: 'answer to end of run, p99 ms', value: round(calm.answerMs), bound: 50 },
    ]
    const figure = { bench: 'workflow-recovery', metric: 'pending runs resumed after a kill' }
    report(rows, {
      ...figure,
      ...{ value: Math.round(resumeMs), unit: 'ms', peer: `bound ${resumeMsMax} ms` },
      ratio: round(resumeMs / resumeMsMax),
    })
  } finally {
    await database.stop()
    rmSync(folder, { recursive: true, force: true })
  }
}

const lookMs = 20

/** Resolves when no run is under way any more. */
async function untilEnded({ sql }: Database): Promise<void> {
  for (;;) {
    const left = await sql`select 1 from workflow_run where status = 'running' limit 1`
    if (left.length === 0) return
    await new Promise((resolve) => setTimeout(resolve, lookMs))
  }
}

/** Starts runs in another process; gives how to kill it. */
async function startElsewhere(folder: string) {
  const child = fork(fileURLToPath(new URL('./workflow-life.js', import.meta.url)), [
    folder,
    String(pending),
  ])
  await new Promise<void>((resolve, reject) => {
    child.once('message', () => resolve())
    child.once('exit', (code) => reject(new Error(`the other process ended with ${code}`)))
  })
  const kill = async () => {
    child.removeAllListeners('exit')
    const gone = new Promise((resolve) => child.once('exit', resolve))
    child.kill('SIGKILL')
    await gone
  }
  return { kill }
}

async function measureResume(database: Database, folder: string): Promise<number> {
  const { kill } = await startElsewhere(folder)
  await kill()
  const startMs = performance.now()
  const { stop } = await openPending(database, async () => null)
  await untilEnded(database)
  const spentMs = performance.now() - startMs
  await stop()
  return spentMs
}

async function measureTakeOver(database: Database, folder: string): Promise<number> {
  const { kill } = await startElsewhere(folder)
  const { stop } = await openPending(database, async () => null)
  const startMs = performance.now()
  await kill()
  await untilEnded(database)
  const spentMs = performance.now() - startMs
  await stop()
  return spentMs
}

async function measureWaiting(database: Database) {
  const { engine, stop } = await openPending(database, async () => null)
  const emptyBytes = usedBytes()
  const ids: string[] = []
  const asking = { ...request, name: 'asking' }
  while (ids.length < waiting) {
    ids.push(...(await Promise.all(Array.from({ length: 1_000 }, () => engine.start(asking)))))
  }
  const megabytes = (usedBytes() - emptyBytes) / 2 ** 20
  const before = process.cpuUsage()
  await new Promise((resolve) => setTimeout(resolve, idleMs))
  const { user, system } = process.cpuUsage(before)
  const times: number[] = []
  for (const id of ids.slice(0, answered)) {
    const end = engine.outcomeOf(id)
    const startMs = performance.now()
    await sendSignal(database.sql, id, { kind: 'completed', key: '/do/0/ask', output: null })
    await end
    times.push(performance.now() - startMs)
  }
  await stop()
  const answerMs = times.sort((a, b) => a - b)[Math.floor(times.length * 0.99)] ?? 0
  return { megabytes, percent: (user + system) / 10 / idleMs, answerMs }
}

function usedBytes(): number {
  setFlagsFromString('--expose-gc')
  runInNewContext('gc')()
  return process.memoryUsage().heapUsed
}
