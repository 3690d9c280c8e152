// OTLP options of
//
// Where telemetry goes, what of it, and under which name, as the environment says it for every OpenTelemetry exporter
// (Environment Variable Specification; OpenTelemetry Protocol Exporter). What is set to nothing is not set.

import { Failure } from '../failure.ts'
import type { OtlpOptions, OtlpSignal } from './otlp-exporter.ts'
import { type Sampling, sampleAll } from './trace-context.ts'

type Environment = Readonly<Record<string, string | undefined>>

/**
 * Undefined where the environment names no collector, or says that none is wanted. Throws
 * `gateway/telemetry-invalid` where it says something that nobody here can do.
 */
export function otlpOptionsOf(env: Environment): OtlpOptions | undefined {
  if (env['OTEL_SDK_DISABLED']?.toLowerCase() === 'true') return undefined
  const traces = signalOf(env, 'TRACES')
  const metrics = signalOf(env, 'METRICS')
  if (traces === null && metrics === null) return undefined
  return { traces, metrics, sampling: samplingOf(env), resource: resourceOf(env) }
}

function signalOf(env: Environment, signal: 'TRACES' | 'METRICS'): OtlpSignal | null {
  // Another exporter than this one may be meant for all processes of a machine.
  const wanted = env[`OTEL_${signal}_EXPORTER`] || 'otlp'
  if (!wanted.split(',').some((one) => one.trim() === 'otlp')) return null
  const url = urlIn(env, `OTEL_EXPORTER_OTLP_${signal}_ENDPOINT`)
  const base = urlIn(env, 'OTEL_EXPORTER_OTLP_ENDPOINT')?.replace(/\/$/, '')
  if (url === null && base === undefined) return null
  checkProtocol(env, signal)
  const headers = ['OTEL_EXPORTER_OTLP_HEADERS', `OTEL_EXPORTER_OTLP_${signal}_HEADERS`].map(
    (name) => headersOf(env[name] ?? ''),
  )
  return {
    url: url ?? `${base}/v1/${signal.toLowerCase()}`,
    headers: Object.assign({}, ...headers),
  }
}

function urlIn(env: Environment, name: string): string | null {
  const url = env[name] || null
  if (url === null || isHttp(url)) return url
  throw invalid(`${name}: expected an http or https URL, got ${JSON.stringify(url)}`)
}

function isHttp(url: string): boolean {
  return URL.canParse(url) && /^https?:$/.test(new URL(url).protocol)
}

/** Whoever takes Protobuf over HTTP takes JSON at the same place. */
function checkProtocol(env: Environment, signal: string): void {
  const names = [`OTEL_EXPORTER_OTLP_${signal}_PROTOCOL`, 'OTEL_EXPORTER_OTLP_PROTOCOL']
  const name = names.find((one) => env[one])
  const protocol = name === undefined ? 'http/json' : env[name]
  if (protocol === 'http/json' || protocol === 'http/protobuf') return
  const hint = 'give the endpoint at which the collector takes HTTP, as a rule of port 4318'
  throw invalid(`${name}: expected http/json, got ${JSON.stringify(protocol)}: ${hint}`)
}

function samplingOf(env: Environment): Sampling {
  const name = env['OTEL_TRACES_SAMPLER'] || 'parentbased_always_on'
  const share = env['OTEL_TRACES_SAMPLER_ARG'] || '1'
  const isParents = name.startsWith('parentbased_')
  switch (name.replace('parentbased_', '')) {
    case 'always_on':
      return { ...sampleAll, isParents }
    case 'always_off':
      return { share: 0, isParents }
    case 'traceidratio':
      if (Number(share) >= 0 && Number(share) <= 1) return { share: Number(share), isParents }
      throw invalid(`OTEL_TRACES_SAMPLER_ARG: expected a share of 0 to 1, got ${share}`)
  }
  const known = 'always_on, always_off or traceidratio, with or without parentbased_'
  throw invalid(`OTEL_TRACES_SAMPLER: expected ${known}, got ${name}`)
}

function resourceOf(env: Environment): Readonly<Record<string, string>> {
  const name = env['OTEL_SERVICE_NAME']
  const attributes = pairsOf(env['OTEL_RESOURCE_ATTRIBUTES'] ?? '')
  return Object.fromEntries(name ? [...attributes, ['service.name', name]] : attributes)
}

function headersOf(text: string): Record<string, string> {
  return Object.fromEntries(pairsOf(text).map(([name, value]) => [name.toLowerCase(), value]))
}

/** `name=value,name=value`, values percent-encoded as in W3C Baggage. */
function pairsOf(text: string): [name: string, value: string][] {
  return text.split(',').flatMap((pair) => {
    const at = pair.indexOf('=')
    if (at < 1) return []
    return [[pair.slice(0, at).trim(), decoded(pair.slice(at + 1).trim())]]
  })
}

function decoded(value: string): string {
  try {
    return decodeURIComponent(value)
  } catch {
    return value // it is as it stands
  }
}

function invalid(message: string): Failure {
  return new Failure('gateway/telemetry-invalid', message)
}
