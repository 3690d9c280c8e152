export type { CallFacts } from './call-span.ts'
export { OtlpExporter, type OtlpOptions } from './otlp-exporter.ts'
export { otlpOptionsOf } from './otlp-options-of.ts'
export { callersTrace, newTrace, type TraceContext } from './trace-context.ts'
