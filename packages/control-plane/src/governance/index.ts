export { type ApproveOutcome, approveChange } from './approve-change.ts'
export { bootstrap, type FirstCredentials, newSecret } from './bootstrap.ts'
export type { AccessAction } from './cedar-schema.ts'
export { checkKeys } from './check-keys.ts'
export { filesOf } from './check-references.ts'
export { collectBlobs } from './collect-blobs.ts'
export { type Identity, loadIdentity } from './identity.ts'
export { planContext } from './plan-context.ts'
export type { PlannedChange } from './planned-change.ts'
export {
  automation,
  emptyContext,
  formatPrincipal,
  openPolicyEngine,
  type PolicyEngine,
  type Principal,
  type QuestionContext,
} from './policy-engine.ts'
export { type KeyReference, presentPrincipal, principalOfKey } from './principal-of-key.ts'
export { rejectChange } from './reject-change.ts'
export {
  type Checkpoint,
  type EntryRow,
  ledgerPace,
  newestCheckpoint,
  proveConsistency,
  proveEntry,
  proveRow,
  sequence,
} from './sequencer.ts'
export {
  type AdmissionPorts,
  type ChangeOutcome,
  type ChangeRequest,
  submitChange,
} from './submit-change.ts'
