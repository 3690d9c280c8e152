// Exchange
//
// What the faces share: the ports of the gateway, and one call of a known key.

import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Directory, KeyEntry, Router } from '../routing/index.ts'
import type { Dialect } from './answer.ts'
import type { Metrics } from './metrics.ts'
import type { RecentRequests } from './recent-requests.ts'

export interface FacePorts {
  readonly directory: () => Directory | null
  readonly router: Router
  readonly recent: RecentRequests
  readonly metrics: Metrics
  readonly hosts: readonly string[]
  readonly version: string
  readonly nowMs: () => number
}

/** A call of a known key: what every face gets. */
export interface Exchange {
  readonly request: IncomingMessage
  readonly response: ServerResponse
  readonly path: string
  readonly dialect: Dialect
  readonly key: KeyEntry
  readonly directory: Directory
  readonly requestId: string
  readonly startMs: number
}
