export type { Clock } from '@tutti/machine'
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
export {
  type Identity as LedgerIdentity,
  ledgerPace,
  loadIdentity,
  sequence,
} from '../governance/index.ts'
export { type RunningLoops, startLoops } from '../loops.ts'
export {
  ChangeLine,
  type CommitOutcome,
  commitChange,
  type Database,
  openDatabase,
  type RecordDraft,
  type Write,
} from '../store/index.ts'
