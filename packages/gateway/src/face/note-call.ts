// Note call
//
// What becomes of a request that is over: metrics, limits, the request log and telemetry learn of it.

import type { RouteEntry } from '../routing/index.ts'
import { type CallFacts, callersTrace, newTrace, RequestTrace } from '../telemetry/index.ts'
import type { CallGuard } from './call-guard.ts'
import type { Exchange, FacePorts } from './exchange.ts'
import type { Kept } from './kept-call.ts'
import type { RequestRecord } from './request-log.ts'
import type { Tally } from './tally.ts'

/** A request that is over. */
export interface CallOver {
  readonly route: RouteEntry
  readonly status: number
  readonly attempts: number
  readonly tally: Tally
  readonly arm: string | null
  readonly guard: CallGuard | null
  readonly cached: 'exact' | 'semantic' | null
  /** What is kept of it; null where nothing is. */
  readonly bodies: Kept | null
  readonly trace: RequestTrace | null
  /** When the first event of a stream was there, as `performance.now` has it. */
  readonly firstMs: number | null
}

type Mutable = { -readonly [Name in keyof RequestRecord]: RequestRecord[Name] }

/** The trace of a request; null where the caller names none and nobody collects them. */
export function traceOf({ telemetry }: FacePorts, { request }: Exchange): RequestTrace | null {
  const { headers } = request
  const sampling = telemetry?.sampling ?? null
  if (sampling === null && headers['traceparent'] === undefined) return null
  const context = callersTrace(headers, sampling ?? undefined) ?? (sampling && newTrace(sampling))
  return context === null ? null : new RequestTrace(context, sampling !== null)
}

/** Metrics, limits and the log learn of a request that is over. */
export function noteCall(ports: FacePorts, exchange: Exchange, of: CallOver): void {
  const { key, requestId, startMs } = exchange
  const { route, status, attempts, tally, arm, guard, cached } = of
  const micros = (performance.now() - startMs) * 1_000
  const { targets, inputTokens, outputTokens, cachedTokens, costNanos, isEstimated } = tally
  const findings = guard === null || guard.findings.length === 0 ? null : guard.findings
  ports.metrics.count(route, status, { attempts, micros, tally, arm })
  if (findings !== null) ports.metrics.countFindings(route, findings)
  if (cached !== null) ports.metrics.countCached(route, cached)
  ports.limiter.count(key, inputTokens + outputTokens)
  const record: Mutable = {
    atMs: ports.nowMs(),
    id: requestId,
    project: key.project,
    key: key.id,
    route: route.name,
    targets,
    status,
    attempts,
    ms: micros / 1_000,
    inputTokens,
    outputTokens,
    cachedTokens,
    costNanos,
    isEstimated,
    priceList: tally.priceList,
  }
  // Not spread into it: that would cost every request more than all of the rest here.
  if (arm !== null) record.arm = arm
  if (findings !== null) record.findings = findings
  if (cached !== null) record.cached = cached
  ports.log.add(record)
  if (of.bodies !== null) ports.bodies.keep(of.bodies, record)
  const place = { project: key.project, key: key.id, route: route.name }
  tally.count(ports.usage, place, { isFailed: status >= 400, isCached: cached !== null })
  if (ports.telemetry !== null) ports.telemetry.add(factsOf(ports, exchange, of))
}

function factsOf(ports: FacePorts, exchange: Exchange, of: CallOver): CallFacts {
  const { key, requestId, startMs, path } = exchange
  const { route, status, attempts, tally, cached, trace, firstMs } = of
  const endMs = ports.nowMs()
  const beganMs = endMs - (performance.now() - startMs)
  return {
    trace: trace?.context ?? newTrace(),
    asked: trace?.attempts ?? [],
    offsetMs: beganMs - startMs,
    operation: operationOf(path),
    ...{ project: key.project, key: key.id, route: route.name, requestId },
    ...{ provider: tally.provider, model: tally.model, status, attempts, cached },
    ...{ startMs: beganMs, endMs, firstMs: firstMs === null ? null : beganMs + firstMs - startMs },
    ...{ inputTokens: tally.inputTokens, outputTokens: tally.outputTokens },
    ...{ cachedTokens: tally.cachedTokens, costNanos: tally.costNanos },
  }
}

/** The conventions' names where they have one. */
function operationOf(path: string): string {
  if (path.endsWith(':countTokens')) return 'count_tokens'
  if (/:(e|batchE)mbedContents?$/.test(path)) return 'embeddings'
  if (/^\/v1(beta|alpha)?\/models\//.test(path)) return 'generate_content'
  if (path.startsWith('/v2/')) return 'infer'
  return operations[path] ?? 'chat'
}

const operations: Readonly<Record<string, string>> = {
  '/mcp': 'execute_tool',
  '/v1/embeddings': 'embeddings',
  '/v1/completions': 'text_completion',
  '/v1/messages/count_tokens': 'count_tokens',
  '/v1/responses/input_tokens': 'count_tokens',
}
