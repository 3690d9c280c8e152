export { BlobCache } from './blob-cache.ts'
export { type ModelStore, openModelStore } from './model-store.ts'
export { type AgentPorts, NodeAgent } from './node-agent.ts'
export { measureFacts, measureLoad } from './node-facts.ts'
export {
  type JoinOptions,
  joinControlPlane,
  loadNodeIdentity,
  type NodeIdentity,
  parseJoinToken,
} from './node-identity.ts'
export {
  emptyNodeState,
  forgetLog,
  type NodeState,
  openStateStore,
  type StateStore,
  writeDurably,
} from './node-state.ts'
export { type Dial, dialSocket, type WireEvents } from './wire.ts'
