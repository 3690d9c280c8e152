export { AnswerStore, cosine, type Freshness, type KeptAnswer } from './answer-store.ts'
export {
  type BudgetSpec,
  budgetSpec,
  chargedAtMs,
  chargeOf,
  decideGrant,
  declaredBudgetSpec,
  emptyPurse,
  leaseMs,
  leftNanos,
  lostMs,
  type Purse,
  reserveFrom,
  settleIn,
  shortMs,
  softUntilMs,
  windowBounds,
  windowEndMs,
  windowStartMs,
} from './budget.ts'
export {
  type CacheAsked,
  type CachePlace,
  type CacheQuestion,
  type CacheSpec,
  cacheQuestion,
  cacheSpec,
} from './cache-question.ts'
export { checkRoute } from './check-route.ts'
export {
  type Circuit,
  circuitAfterBeginning,
  circuitAfterFailure,
  circuitAfterStart,
  circuitAfterSuccess,
  circuitStart,
  mayPass,
} from './circuit.ts'
export {
  classifyFailure,
  type ErrorAnswer,
  type FailureClass,
  isTargetsFault,
  isUnreadSeal,
} from './classify-failure.ts'
export { compareAnswers, compareOutputs, type Likeness, type Outputs } from './compare-answers.ts'
export { conditionLimits, conditionVariables, whyUnfit } from './condition.ts'
export {
  type AttemptCandidate,
  type AttemptContext,
  type AttemptDecision,
  decideAttempt,
  type PastAttempt,
} from './decide-attempt.ts'
export {
  type DeclaredResource,
  type DeclaredSnapshot,
  declaredSnapshot,
} from './declared-snapshot.ts'
export { clockOf, type Experiment, pickArm } from './experiment.ts'
export { actionFor, type Fallback, fallbackClasses, tierFloor } from './fallback.ts'
export {
  charactersPerToken,
  type Filtered,
  type FilterRules,
  type FilterView,
  filterTargets,
  type Removed,
  type TargetFilter,
} from './filter-targets.ts'
export {
  type GatewayHello,
  type GatewayStanding,
  gatewayHello,
  gatewayStanding,
} from './gateway-standing.ts'
export { isComplete, keepUnseen } from './keep-unseen.ts'
export {
  type BodyRule,
  bodyRule,
  type KeptBody,
  type KeptRequest,
  keptRequest,
  keptRequests,
  keptRequestsMax,
} from './kept-request.ts'
export { builtInRoles, type KeySpec, keySpec } from './key.ts'
export {
  type LeaseAnswer,
  type LeaseGrant,
  type LeaseRequest,
  leaseAnswer,
  leaseRequest,
  type SoftBudget,
} from './lease.ts'
export {
  type Charged,
  hoursDays,
  type LeaseAccounts,
  LeaseBook,
  type LeaseChange,
  leaseAccounts,
  leaseChange,
} from './lease-book.ts'
export { chargedNanosOf, nanosOf } from './nanos.ts'
export {
  geminiConfigs,
  isThere,
  limitOf,
  outputLimit,
  outputLimitNames,
  withLessOutput,
} from './output-limit.ts'
export {
  orderByWeight,
  type PickCandidate,
  type PickContext,
  pickEndpoint,
} from './pick-endpoint.ts'
export { PrefixIndex } from './prefix-index.ts'
export {
  costNanos,
  flatRate,
  freePrice,
  isFree,
  type Price,
  priceOfTarget,
  type Rate,
  type TargetPrice,
  targetPrice,
  worstNanos,
} from './price.ts'
export { type ProviderSpec, providerDialect, providerSpec } from './provider.ts'
export {
  type Bucket,
  filled,
  fullBucket,
  type KeyLimits,
  keyLimits,
  resized,
  taken,
  waitMs,
} from './rate-limit.ts'
export {
  type RelayClaims,
  type RelayList,
  relayChallenge,
  relayClaims,
  relayHello,
  relayList,
  relayPath,
  relayProof,
  relayReady,
  relayScheme,
} from './relay-hello.ts'
export { type RelayEvent, RelayLine, relayLimits } from './relay-line.ts'
export { type RelayEnd, RelayStreams, type RelayWire } from './relay-streams.ts'
export {
  type Capability,
  type Modality,
  type RequestFacts,
  readFacts,
} from './request-facts.ts'
export {
  type RouteSpec,
  type RouteTarget,
  type RouteTimers,
  routeSpec,
  routeTarget,
  routeTimers,
  type StickySource,
} from './route.ts'
export {
  type ScoreWeights,
  type Strategy,
  scoreTarget,
  strategy,
  type TargetView,
  weightsOf,
} from './score-target.ts'
export type { Shadow } from './shadow.ts'
export {
  type Endpoint,
  endpoint,
  type GuardOrder,
  guardOrder,
  type NoSnapshot,
  noSnapshot,
  type ServingClaims,
  type SignedSnapshot,
  type Snapshot,
  servingClaims,
  signedSnapshot,
  snapshot,
} from './snapshot.ts'
export { type SnapshotProvider, snapshotProvider } from './snapshot-provider.ts'
export {
  chainedItems,
  inputItems,
  isResponseId,
  itemIdIn,
  type ResponseKey,
  type ResponseStore,
  responseDays,
  responseId,
  responseOfItem,
  type StoredResponse,
  sayableItems,
  sealsIncluded,
  storedBytesMax,
  storedOf,
  storedResponse,
  storedText,
  withoutSeal,
} from './stored-response.ts'
export {
  allowsTool,
  serverOfRoute,
  splitToolName,
  type ToolServerSpec,
  toolName,
  toolPattern,
  toolRoute,
  toolServerSpec,
  whyUnpinned,
} from './tool-server.ts'
export { emptyHour, hourOf, hourWith, type UsageHour } from './usage-hour.ts'
export {
  answerOfUsage,
  parseUsageQuestion,
  refuseProjects,
  type UsageAnswer,
  type UsageDimension,
  type UsageQuestion,
  type UsageRefusal,
  type UsageSum,
  usageDimensions,
} from './usage-question.ts'
export {
  addUsage,
  noAmounts,
  otherPlace,
  type UsageAmounts,
  type UsagePlace,
  type UsageReport,
  type UsageRow,
  usageKeptMs,
  usageReport,
  usageRow,
  usageRowsMax,
} from './usage-report.ts'
export { UsageSums, usageSumsMax } from './usage-sums.ts'
