export { loadAssignment } from './assignments.ts'
export { type Hub, openHub } from './hub.ts'
export { type RolloutPorts, reconcileRollouts, statusOf } from './reconcile-rollouts.ts'
export { deploymentKey, type NodeEntry, openRegistry, type Registry } from './registry.ts'
