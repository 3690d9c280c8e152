// Scan thread
//
// Looks through large documents, one after the other, beside the thread that serves.

import { parentPort } from 'node:worker_threads'
import { DetectorCache, type ScanJob, scan } from './scan-job.ts'

const cache = new DetectorCache()

parentPort?.on('message', ({ id, job }: { readonly id: number; readonly job: ScanJob }) => {
  const result = scan(job, cache.of(job.guard, job.side))
  parentPort?.postMessage({ id, result })
})
