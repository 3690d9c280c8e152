// Attempt span
//
// One attempt of a request as OpenTelemetry tells of it: whom it asked, when his answer began, how it ended. Tokens and
// money stand on the request's own span, so that nobody counts them twice.

import { type CallFacts, type CallSpan, providerName } from './call-span.ts'
import type { AttemptFacts } from './request-trace.ts'

export function attemptSpan(call: CallFacts, facts: AttemptFacts): CallSpan {
  const { candidate, route, failure, how, status, startMs, headersMs, firstMs } = facts
  const { target, provider, node } = candidate
  const isProvider = 'provider' in target
  const name = isProvider ? `${target.provider}/${target.model}` : target.deployment
  const isFailed = how !== 'aborted' && failure !== null
  const since = (ms: number | null) => (ms === null ? null : (ms - startMs) / 1_000)
  return {
    trace: { ...call.trace, parentId: call.trace.spanId, spanId: facts.spanId },
    name: `attempt ${name}`,
    startMs: startMs + call.offsetMs,
    endMs: facts.endMs + call.offsetMs,
    failure: isFailed ? failure : null,
    attributes: {
      'gen_ai.operation.name': call.operation,
      'gen_ai.provider.name': providerName(provider?.dialect ?? 'tutti'),
      'gen_ai.request.model': isProvider ? target.model : target.deployment,
      'http.response.status_code': status === 0 ? null : status,
      'error.type': isFailed ? failure : null,
      'tutti.request.id': call.requestId,
      'tutti.route': route,
      'tutti.attempt.target': name,
      'tutti.attempt.node': node?.name ?? null,
      'tutti.attempt.outcome': how === 'aborted' ? 'cancelled' : (failure ?? 'answered'),
      'tutti.attempt.time_to_headers': since(headersMs),
      'tutti.attempt.time_to_first_token': since(firstMs),
      ...addressOf(candidate.base),
    },
  }
}

function addressOf(base: string): Readonly<Record<string, string | number | null>> {
  if (!URL.canParse(base)) return {}
  const { hostname, port, protocol } = new URL(base)
  const usual = { 'https:': 443, 'http:': 80 }[protocol] ?? null
  return { 'server.address': hostname, 'server.port': port === '' ? usual : Number(port) }
}
