export type { Clock } from '@tutti/machine'
export { Failure } from '../failure.ts'
export {
  type AgentPorts,
  type Dial,
  emptyNodeState,
  type ModelStore,
  NodeAgent,
  type NodeIdentity,
  type NodeState,
  type StateStore,
  type WireEvents,
} from '../fleet/index.ts'
export { type AssignmentVerifier, assignmentVerifier } from '../governance/index.ts'
export {
  type LoadedModel,
  type ModelHost,
  type StageRequest,
  Telemetry,
} from '../serving/index.ts'
