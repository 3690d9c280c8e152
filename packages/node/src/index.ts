export { Failure, failureCodes } from './failure.ts'
export {
  type JoinOptions,
  joinControlPlane,
  loadNodeIdentity,
  type NodeIdentity,
  parseJoinToken,
  useProxies,
} from './fleet/index.ts'
export { draftVariant, type VariantDraft } from './serving/index.ts'
export { type NodeOptions, type RunningNode, startNode } from './start.ts'
