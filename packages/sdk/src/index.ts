export type {
  ChangeAnswer,
  GatewaysAnswer,
  ResourceAnswer,
  RunAnswer,
  UsageAnswer,
  VerdictAnswer,
} from './answers.ts'
export { Client, type ClientOptions, type ResourceRef } from './client.ts'
export { Failure, failureCodes } from './failure.ts'
export type { RunFilter } from './run-filter.ts'
