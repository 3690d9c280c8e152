// Fresh run id
//
// A UUID whose first 48 bits are the time (version 7, RFC 9562): runs of the same time stand side by side in the
// tables' indices, so that writing many of them touches few pages.

import { randomUUID } from 'node:crypto'

export function freshRunId(nowMs: number): string {
  const time = Math.max(0, Math.floor(nowMs)).toString(16).padStart(12, '0').slice(-12)
  return `${time.slice(0, 8)}-${time.slice(8)}-7${randomUUID().slice(15)}`
}
