// Run histories
//
// Thousands of random histories, on all cores: each worker takes the next seed as soon as it is done with
// one. Every history is whole in its own seed, so that it is the same in whichever worker it runs.

import { once } from 'node:events'
import { availableParallelism } from 'node:os'
import { Worker } from 'node:worker_threads'
import type { History } from './run-history.ts'

const program = new URL('./history-worker.js', import.meta.url) // from what was built

/** Runs the histories of these seeds; resolves with the first that went wrong, or null. */
export async function runHistories(seeds: readonly number[]): Promise<History | null> {
  const next = seeds[Symbol.iterator]() // the workers share it
  const wrong: History[] = []
  const work = async () => {
    const worker = new Worker(program, { execArgv: [] })
    try {
      for (const seed of next) {
        worker.postMessage(seed)
        const [history] = (await once(worker, 'message')) as [History]
        if (history.violations.length > 0) wrong.push(history)
        if (wrong.length > 0) return
      }
    } finally {
      await worker.terminate()
    }
  }
  await Promise.all(Array.from({ length: availableParallelism() }, work))
  return wrong.sort((a, b) => a.seed - b.seed)[0] ?? null
}
