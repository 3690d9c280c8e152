// Start workers
//
// Several gateway processes behind one port: each takes its own connections, spends from its own leases and tells the
// others what its keys used. One that dies is started again; the others do not notice.
//
// Invariants:
//   G1. A worker that died is not counted on any more: its calls at a time are free again. What it had leased and not
//       settled counts as spent (B3).
//   G2. The death of one ends no other: neither this process nor the workers that it tells.

import cluster, { type Worker } from 'node:cluster'
import { untilEnded } from '@tutti/machine'
import { heapEnv, heapFlags } from '../heap-flags.ts'
import { mayBeGone, parseWorkerMessage } from './worker-message.ts'

export interface WorkersOptions {
  readonly count: number
  /** Added to the environment of each. */
  readonly env: Readonly<Record<string, string>>
  /** Variable that says which of them it is, from 1; one that is started again has the same. */
  readonly placeName: string
  readonly log: (event: string, fields: Readonly<Record<string, unknown>>) => void
}

export interface Workers {
  /** Where they answer. */
  readonly url: string
  /** Ends all; each answers first what it has under way. */
  readonly stop: () => Promise<void>
}

const pauseMsMin = 250 // before one that died is started again
const pauseMsMax = 10_000
const steadyMs = 60_000 // one that lived so long is started again at once

/** Resolves when all of them have answered; throws where one ends before. */
export async function startWorkers(options: WorkersOptions): Promise<Workers> {
  const { count, env, placeName, log } = options
  let isStopping = false
  let failures = 0
  const answered = new Set<number>() // places: of one where nobody ever did the caller hears
  const relayNews = (from: Worker, message: unknown) => {
    const news = parseWorkerMessage(message)
    if (news === null || news.kind === 'ready' || news.kind === 'gone') return
    tellOthers(from, { ...news, from: from.id })
  }
  const start = (place: number): Promise<string> => {
    const worker = cluster.fork({ ...heapEnv, ...process.env, ...env, [placeName]: String(place) })
    const sinceMs = performance.now()
    worker.on('message', (message) => relayNews(worker, message))
    worker.on('error', () => {}) // of its process, which is heard below
    void untilEnded(worker.process).then((reason) => {
      tellOthers(worker, { kind: 'gone', from: worker.id }) // G1
      if (isStopping || !answered.has(place)) return
      failures = performance.now() - sinceMs > steadyMs ? 1 : failures + 1
      const pauseMs = Math.min(pauseMsMax, pauseMsMin * 2 ** Math.min(8, failures - 1))
      log('a worker ended', { reason, pauseMs })
      setTimeout(() => {
        if (!isStopping) start(place).catch(() => {}) // its own end starts the next
      }, pauseMs)
    })
    return untilReady(worker).then((url) => {
      answered.add(place)
      return url
    })
  }
  // Whoever is free accepts. Handed out in turn, a connection would hang for ever whose worker dies on its way there.
  cluster.schedulingPolicy = cluster.SCHED_NONE
  cluster.setupPrimary({ execArgv: [...process.execArgv, ...heapFlags] })
  const places = Array.from({ length: count }, (_, i) => i + 1)
  const urls = await Promise.all(places.map(start)).catch((error: unknown) => {
    isStopping = true
    throw error
  })
  return {
    url: urls[0] ?? '',
    stop: async () => {
      isStopping = true
      await Promise.all(living().map(end))
    },
  }
}

function living(): Worker[] {
  const all = Object.values(cluster.workers ?? {}).flatMap((worker) => worker ?? [])
  return all.filter(({ process }) => process.pid !== undefined) // there may be no room for it
}

function tellOthers(from: Worker, message: object): void {
  for (const worker of living()) {
    if (worker !== from && worker.isConnected()) worker.send(message, mayBeGone) // G2
  }
}

function untilReady(worker: Worker): Promise<string> {
  return new Promise((resolve, reject) => {
    worker.on('message', (message: unknown) => {
      const said = parseWorkerMessage(message)
      if (said?.kind === 'ready') resolve(said.url)
    })
    void untilEnded(worker.process).then((how) =>
      reject(new Error(`a worker ended with ${how} before it answered`)),
    )
  })
}

async function end(worker: Worker): Promise<void> {
  if (worker.isDead()) return
  worker.process.kill('SIGTERM')
  await untilEnded(worker.process)
}
