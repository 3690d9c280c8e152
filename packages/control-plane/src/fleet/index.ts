export { type AssignmentFeed, type AssignmentSet, openAssignmentFeed } from './assignment-feed.ts'
export { type AssignmentRow, loadAssignment } from './assignments.ts'
export { declareNodes, type NodeLine, redeclareNode } from './declared-nodes.ts'
export type { ReleaseTotals } from './gathered-telemetry.ts'
export { type Hub, type HubPorts, openHub } from './hub.ts'
export type { Link } from './link.ts'
export { openNodeLookup } from './node-lookup.ts'
export {
  type RolloutPorts,
  type RolloutStatus,
  reconcileRollouts,
  statusOf,
} from './reconcile-rollouts.ts'
export { type NodeEntry, openRegistry, type Registry } from './registry.ts'
export { openRolloutStore, type RolloutStore } from './rollout-store.ts'
export { openSharing, type Sharing } from './sharing.ts'
