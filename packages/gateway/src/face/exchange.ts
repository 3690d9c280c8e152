// Exchange
//
// What the faces share: the ports of the gateway, and one call of a known key.

import type { Scanner } from '../governance/index.ts'
import type {
  AskUsage,
  Directory,
  KeyEntry,
  Limiter,
  Router,
  SnapshotSource,
  UsageCounts,
} from '../routing/index.ts'
import type { OtlpExporter } from '../telemetry/index.ts'
import type { SideThread } from '../thread/index.ts'
import type { ToolServers } from '../tools/index.ts'
import type { Incoming, Reply } from '../wire/index.ts'
import type { Dialect } from './answer.ts'
import type { BodyKeeper } from './body-keeper.ts'
import type { AnswerCache } from './call-cache.ts'
import type { Comparison } from './comparison.ts'
import type { HostGuard } from './host-guard.ts'
import type { Metrics } from './metrics.ts'
import type { OtherWorkers } from './other-workers.ts'
import type { RecentRequests } from './recent-requests.ts'
import type { RequestIds } from './request-ids.ts'
import type { RequestLog } from './request-log.ts'
import type { ResponseKeeper } from './response-keeper.ts'
import type { Shadows } from './shadows.ts'
import type { Turns } from './turns.ts'
import type { UnderWay } from './under-way.ts'
import type { WithheldTools } from './withheld-tools.ts'

export interface FacePorts {
  readonly directory: () => Directory | null
  readonly router: Router
  readonly recent: RecentRequests
  readonly metrics: Metrics
  /** Each has its own `recent`, `metrics`, `log` and `comparisons`. */
  readonly others: OtherWorkers
  readonly limiter: Limiter
  readonly log: RequestLog
  readonly comparisons: RequestLog<Comparison>
  readonly shadows: Shadows
  readonly responses: ResponseKeeper
  readonly tools: ToolServers
  /** Who hears of tools that nobody gets to see. */
  readonly withheld: WithheldTools
  readonly snapshots: SnapshotSource
  readonly turns: Turns
  readonly underWay: UnderWay
  readonly ids: RequestIds
  readonly guard: HostGuard
  /** Looks through what goes over guarded routes. */
  readonly scanner: Scanner
  /** Takes what takes long with large requests. */
  readonly thread: SideThread
  readonly cache: AnswerCache
  /** What is kept of requests besides their records. */
  readonly bodies: BodyKeeper
  /** What requests used, for the control plane. */
  readonly usage: UsageCounts
  /** What became of that. */
  readonly askUsage: AskUsage
  /** Null where nobody collects telemetry. */
  readonly telemetry: OtlpExporter | null
  /** That this gateway has at its control plane. */
  readonly ownKey: string
  readonly version: string
  readonly nowMs: () => number
  /** How time passes, whatever the clock is set to. */
  readonly steadyMs: () => number
}

/** A call of a known key: what every face gets. */
export interface Exchange {
  readonly request: Incoming
  readonly reply: Reply
  readonly path: string
  readonly dialect: Dialect
  readonly key: KeyEntry
  readonly directory: Directory
  readonly requestId: string
  readonly startMs: number
}
