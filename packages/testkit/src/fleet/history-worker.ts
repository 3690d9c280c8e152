// History worker
//
// A worker's part of many histories: it runs the seed that it is told, answers, and waits for the next.

import { parentPort } from 'node:worker_threads'
import { type History, runHistory } from './run-history.ts'

Error.stackTraceLimit = 0 // failures are meant to happen here: nobody reads their traces

parentPort?.on('message', (seed: number) => {
  runHistory(seed).then(
    (history) => parentPort?.postMessage(history),
    (error: unknown) => {
      const violations = [`the history broke off: ${String(error)}`]
      parentPort?.postMessage({ seed, violations, told: [] } satisfies History)
    },
  )
})
