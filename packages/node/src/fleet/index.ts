export { BlobCache } from './blob-cache.ts'
export { openModelStore } from './model-store.ts'
export { NodeAgent } from './node-agent.ts'
export { measureFacts, measureLoad } from './node-facts.ts'
export {
  type JoinOptions,
  joinControlPlane,
  loadNodeIdentity,
  type NodeIdentity,
  parseJoinToken,
} from './node-identity.ts'
export { openStateStore } from './node-state.ts'
export { dialSocket } from './wire.ts'
