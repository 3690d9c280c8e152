export { BlobCache } from './blob-cache.ts'
export { BlobShare, peerBlobsPath, shareBytesPerSecondDefault } from './blob-share.ts'
export { type ModelStore, openModelStore } from './model-store.ts'
export { type AgentPorts, NodeAgent } from './node-agent.ts'
export { measureFacts, openLoadMeter } from './node-facts.ts'
export {
  type JoinOptions,
  joinControlPlane,
  keyOf,
  loadNodeIdentity,
  type NodeIdentity,
  parseJoinToken,
} from './node-identity.ts'
export {
  emptyNodeState,
  forgetLog,
  keepState,
  type NodeState,
  openStateStore,
  type StateStore,
} from './node-state.ts'
export { reachOf } from './peer-address.ts'
export { tunnelTo, useProxies } from './proxies.ts'
export { openPeerLine, type PeerLine } from './source-client.ts'
export { type Dial, dialSocket, type WireEvents } from './wire.ts'
