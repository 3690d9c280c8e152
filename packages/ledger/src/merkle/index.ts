export { emptyRoot, hashBytes, leafHash, nodeHash, sameHash } from './hash.ts'
export { half, isOdd, isSize, isSubtree, powerBelow, powerDividing } from './subtree.ts'
export {
  type ConsistencyClaim,
  type ConsistencyRefusal,
  type ConsistencyVerdict,
  type SubtreeConsistencyClaim,
  verifyConsistency,
  verifySubtreeConsistency,
} from './verify-consistency.ts'
export {
  type InclusionClaim,
  type InclusionRefusal,
  type InclusionVerdict,
  type SubtreeInclusionClaim,
  verifyInclusion,
  verifySubtreeInclusion,
} from './verify-inclusion.ts'
