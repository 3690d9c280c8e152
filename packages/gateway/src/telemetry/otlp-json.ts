// OTLP JSON
//
// Spans and histograms of calls in the JSON of the OpenTelemetry Protocol 1.x, named by the semantic conventions for
// generative AI (of their own repository since 2026, status Development).

import type { CallHistogram } from './call-histogram.ts'
import type { CallSpan } from './call-span.ts'

type Attributes = Readonly<Record<string, string | number | readonly string[] | null | undefined>>

export interface Resource {
  readonly version: string
  readonly instance: string
  /** Said of it besides, or instead. */
  readonly attributes: Readonly<Record<string, string>>
}

export function tracesJson(spans: readonly CallSpan[], resource: Resource): string {
  const scope = { name: '@tutti/gateway', version: resource.version }
  const scopeSpans = [{ scope, spans: spans.map(spanJson) }]
  return JSON.stringify({ resourceSpans: [{ resource: resourceJson(resource), scopeSpans }] })
}

export function metricsJson(
  histograms: readonly CallHistogram[],
  of: { readonly resource: Resource; readonly startMs: number; readonly nowMs: number },
): string {
  const { resource, startMs, nowMs } = of
  const scope = { name: '@tutti/gateway', version: resource.version }
  const metrics = histograms.map(({ name, unit, description, bounds, points }) => ({
    ...{ name, unit, description },
    histogram: {
      aggregationTemporality: 2, // cumulative
      dataPoints: points.map(({ attributes, counts, sum, count }) => ({
        attributes: attributesJson(attributes),
        startTimeUnixNano: nanosOf(startMs),
        timeUnixNano: nanosOf(nowMs),
        ...{ count: String(count), sum, bucketCounts: counts.map(String), explicitBounds: bounds },
      })),
    },
  }))
  const scopeMetrics = [{ scope, metrics }]
  return JSON.stringify({ resourceMetrics: [{ resource: resourceJson(resource), scopeMetrics }] })
}

function resourceJson({ version, instance, attributes }: Resource) {
  return {
    attributes: attributesJson({
      ...{ 'service.name': 'tutti-gateway', 'service.version': version },
      'service.instance.id': instance,
      ...attributes,
    }),
  }
}

function spanJson(span: CallSpan) {
  const { trace, name, startMs, endMs, failure, attributes } = span
  return {
    ...{ traceId: trace.traceId, spanId: trace.spanId },
    ...(trace.parentId === null ? {} : { parentSpanId: trace.parentId }),
    ...{ name, kind: 3 }, // a client's: of whoever answers for the route
    ...{ startTimeUnixNano: nanosOf(startMs), endTimeUnixNano: nanosOf(endMs) },
    attributes: attributesJson(attributes),
    status: failure === null ? {} : { code: 2, message: failure },
  }
}

/** Whole microseconds: a number of nanoseconds since 1970 is beyond what a double holds. */
function nanosOf(ms: number): string {
  return `${Math.round(ms * 1_000)}000`
}

function attributesJson(attributes: Attributes) {
  return Object.entries(attributes).flatMap(([key, value]) =>
    value === null || value === undefined ? [] : [{ key, value: valueJson(value) }],
  )
}

function valueJson(value: string | number | readonly string[]) {
  if (typeof value === 'string') return { stringValue: value }
  if (typeof value !== 'number') {
    return { arrayValue: { values: value.map((one) => ({ stringValue: one })) } }
  }
  return Number.isSafeInteger(value) ? { intValue: String(value) } : { doubleValue: value }
}
