export type { Clock } from '../clock.ts'
export {
  type AssignmentFeed,
  type AssignmentRow,
  type AssignmentSet,
  declareNodes,
  type Hub,
  type Link,
  openHub,
  openRegistry,
  type Registry,
  type RolloutStatus,
  type RolloutStore,
  reconcileRollouts,
  redeclareNode,
  statusOf,
} from '../fleet/index.ts'
export { type RunningLoops, startLoops } from '../loops.ts'
export type { CommitOutcome, RecordDraft, Write } from '../store/index.ts'
