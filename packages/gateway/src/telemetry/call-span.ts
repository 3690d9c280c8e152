// Call span
//
// One answered request as OpenTelemetry tells of it.

import type { AttemptFacts } from './request-trace.ts'
import type { TraceContext } from './trace-context.ts'

/** What a gateway knows of a request that is over. */
export interface CallFacts {
  readonly trace: TraceContext
  /** `chat`, `embeddings`, `text_completion`; others by their path. */
  readonly operation: string
  readonly project: string
  readonly key: string
  readonly route: string
  readonly requestId: string
  /** Who answered last: the Provider's dialect, `bedrock` …, or `tutti` for nodes. */
  readonly provider: string | null
  readonly model: string | null
  readonly startMs: number
  readonly endMs: number
  /** When the first event of a stream was there; null for whole answers. */
  readonly firstMs: number | null
  readonly status: number
  readonly attempts: number
  readonly inputTokens: number
  readonly outputTokens: number
  readonly cachedTokens: number
  readonly costNanos: number | null
  readonly cached: string | null
  /** From `performance.now` to milliseconds since 1970. */
  readonly offsetMs: number
  /** In the order in which they ended. */
  readonly asked: readonly AttemptFacts[]
}

export interface CallSpan {
  readonly trace: TraceContext
  readonly name: string
  readonly startMs: number
  readonly endMs: number
  /** Why it counts as failed; null where it does not. */
  readonly failure: string | null
  readonly attributes: Readonly<Record<string, string | number | null>>
}

// The conventions' names of providers, by what is spoken to them.
const providerNames: Readonly<Record<string, string>> = {
  ...{ 'openai-responses': 'openai', gemini: 'gcp.gemini', bedrock: 'aws.bedrock' },
}

/** Null where nobody was asked. */
export function providerName(provider: string | null): string | null {
  return provider === null ? null : (providerNames[provider] ?? provider)
}

function failureOf(status: number): string | null {
  return status >= 400 ? `HTTP ${status}` : null
}

/** Why a request counts as failed; null where it does not. */
export function errorType(status: number): string | null {
  return status >= 400 ? String(status) : null
}

export function callSpan(facts: CallFacts): CallSpan {
  const { trace, operation, route, startMs, endMs, status } = facts
  const { firstMs, costNanos } = facts
  return {
    ...{ trace, startMs, endMs, failure: failureOf(status), name: `${operation} ${route}` },
    attributes: {
      'gen_ai.operation.name': operation,
      'gen_ai.provider.name': providerName(facts.provider),
      'gen_ai.request.model': route,
      'gen_ai.response.model': facts.model,
      'gen_ai.usage.input_tokens': facts.inputTokens,
      'gen_ai.usage.output_tokens': facts.outputTokens,
      'gen_ai.usage.cache_read.input_tokens': facts.cachedTokens,
      'gen_ai.response.time_to_first_chunk': firstMs === null ? null : (firstMs - startMs) / 1_000,
      'http.response.status_code': status,
      'error.type': errorType(status),
      'tutti.request.id': facts.requestId,
      'tutti.project': facts.project,
      'tutti.key': facts.key,
      'tutti.attempts': facts.attempts,
      'tutti.cached': facts.cached,
      'tutti.cost.dollars': costNanos === null ? null : costNanos / 1e9,
    },
  }
}
