// OTLP options of
//
// Where telemetry goes, as the environment says it for every OpenTelemetry exporter.

import { Failure } from '../failure.ts'
import type { OtlpOptions } from './otlp-exporter.ts'

/**
 * Undefined where the environment names no collector, or says that none is wanted. Throws
 * `gateway/telemetry-invalid` where it names one by something else than a URL.
 */
export function otlpOptionsOf(
  env: Readonly<Record<string, string | undefined>>,
): OtlpOptions | undefined {
  const endpoint = env['OTEL_EXPORTER_OTLP_ENDPOINT'] ?? ''
  if (endpoint === '' || env['OTEL_SDK_DISABLED'] === 'true') return undefined
  if (!isHttp(endpoint)) {
    const expected = 'OTEL_EXPORTER_OTLP_ENDPOINT: expected an http or https URL'
    throw new Failure('gateway/telemetry-invalid', `${expected}, got ${JSON.stringify(endpoint)}`)
  }
  return { endpoint, headers: headersOf(env['OTEL_EXPORTER_OTLP_HEADERS'] ?? '') }
}

function isHttp(endpoint: string): boolean {
  return URL.canParse(endpoint) && /^https?:$/.test(new URL(endpoint).protocol)
}

/** `name=value,name=value`, values percent-encoded as in W3C Baggage. */
function headersOf(text: string): Record<string, string> {
  const headers: Record<string, string> = {}
  for (const pair of text.split(',')) {
    const at = pair.indexOf('=')
    if (at < 1) continue
    headers[pair.slice(0, at).trim().toLowerCase()] = decoded(pair.slice(at + 1).trim())
  }
  return headers
}

function decoded(value: string): string {
  try {
    return decodeURIComponent(value)
  } catch {
    return value // it is as it stands
  }
}
