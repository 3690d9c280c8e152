export { Accounts } from './accounts.ts'
export type {
  AnswerReading,
  AttemptOutcome,
  StreamAttempt,
  WholeAttempt,
} from './attempt.ts'
export type {
  AttemptOver,
  AttemptTrace,
  Bounds,
  Call,
  CallTrace,
  Candidate,
  Charge,
  Impossible,
  Outbound,
  ProviderTarget,
  Saying,
  Selection,
} from './call.ts'
export { Cashier } from './cashier.ts'
export { type Asker, whyNoCondition } from './condition.ts'
export {
  type BudgetEntry,
  type Directory,
  type KeyEntry,
  makeDirectory,
  type ProviderEntry,
  type RouteEntry,
  type ToolServerEntry,
} from './directory.ts'
export { EndpointHealth } from './endpoint-health.ts'
export { EventSplitter, type RawEvent } from './event-splitter.ts'
export type {
  EventSource,
  EventStream,
  ReadEvent,
  StreamTurn,
} from './event-stream.ts'
export type { FailedAttempt } from './failed-attempt.ts'
export { FrameSplitter } from './frame-splitter.ts'
export { type KeyUse, Limiter } from './limiter.ts'
export { Presence } from './presence.ts'
export { PriceBook } from './price-book.ts'
export { Purses } from './purses.ts'
export type { Answer, Pursuit } from './pursuit.ts'
export { whyRefused } from './refused-keys.ts'
export { RelayDoor, type RelayDoorOptions, type RelayUrls } from './relay-door.ts'
export { sendKeptRequests } from './remote-requests.ts'
export { remoteResponses } from './remote-responses.ts'
export { type AskUsage, remoteUsage, type UsageSaid } from './remote-usage.ts'
export { rulesOf } from './route-rules.ts'
export { Router } from './router.ts'
export { mayAsk } from './select-targets.ts'
export { SnapshotSource, type SnapshotState } from './snapshot-source.ts'
export { UsageCounts } from './usage-counts.ts'
export { gatherUsage } from './usage-files.ts'
