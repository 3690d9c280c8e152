// Ports
//
// What the API's handlers need of the rest of the control plane; wired in start.ts.

import type { Logger } from 'pino'
import type { Hub, Registry, Sharing } from '../fleet/index.ts'
import type { AdmissionPorts, Identity, PolicyEngine, Principal } from '../governance/index.ts'
import type { RunningLoops } from '../loops.ts'
import type { News } from '../news.ts'
import type {
  GatewayDirectory,
  KeptRequests,
  SnapshotFeed,
  StoredResponses,
} from '../routing/index.ts'
import type { Blobs, Sql } from '../store/index.ts'
import type { Workflows } from '../workflow/index.ts'

export interface ApiPorts {
  readonly sql: Sql
  readonly blobs: Blobs
  readonly identity: Identity
  readonly policies: () => Promise<PolicyEngine>
  readonly admission: AdmissionPorts
  readonly registry: Registry
  readonly hub: Hub
  readonly sharing: Sharing
  readonly snapshots: SnapshotFeed
  /** Those that are there, and which of them nodes may dial. */
  readonly gateways: GatewayDirectory
  /** What gateways keep for those who call them. */
  readonly storedResponses: StoredResponses
  /** What gateways keep of requests, for those who may read it. */
  readonly keptRequests: KeptRequests
  readonly workflows: Workflows
  readonly loops: () => RunningLoops
  readonly log: Logger
  readonly nowMs: () => number
  /** Where nodes and people reach this control plane, as join tokens say it. */
  readonly publicUrl: () => string
  /** Host names besides loopback ones that requests may be addressed to. */
  readonly hosts: readonly string[]
  readonly version: string
  readonly news: Pick<News, 'subscribe'>
}

/** Who is calling, as `authenticate` found out. */
export interface Caller {
  readonly principal: Principal
  readonly approvalKey: string | undefined
  /** The same secret's caller as it is now; null where it has none any more. */
  readonly now: () => Promise<Caller | null>
}

export interface Env {
  readonly Variables: { caller: Caller }
}
