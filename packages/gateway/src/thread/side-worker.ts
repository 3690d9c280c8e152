// Side worker
//
// Does what takes long with large documents, one after the other, beside the thread that serves.

import { parentPort } from 'node:worker_threads'
import { questionOf } from './question-job.ts'
import { DetectorCache, scan } from './scan-job.ts'
import type { SideJob, SideResult } from './side-thread.ts'

const cache = new DetectorCache()

parentPort?.on('message', ({ id, job }: { readonly id: number; readonly job: SideJob }) => {
  const result = done(job)
  const bytes = 'text' in result ? result.text : result.bytes
  parentPort?.postMessage({ id, result }, bytes === null ? [] : [bytes.buffer])
})

/** Every buffer in a result is one of its own: it is handed over and not copied. */
function done(job: SideJob): SideResult {
  if (job.kind === 'question') return questionOf(job)
  return scan(job, cache.of(job.guard, job.side))
}
