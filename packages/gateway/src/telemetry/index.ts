export type { CallFacts } from './call-span.ts'
export {
  formatFamily,
  formatSeries,
  joinFamilies,
  type Series,
} from './metric-families.ts'
export { OtlpExporter, type OtlpOptions } from './otlp-exporter.ts'
export { otlpOptionsOf } from './otlp-options-of.ts'
export { RequestTrace } from './request-trace.ts'
export { callersTrace, newTrace, type TraceContext } from './trace-context.ts'
