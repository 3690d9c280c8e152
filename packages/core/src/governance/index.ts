export {
  type ApprovalDecision,
  type ApprovalSpec,
  type ApprovalStatus,
  approvalSpec,
  approvalStatus,
  approverOf,
  decideApproval,
  type PendingChange,
  pendingChange,
  type SignedApproval,
  signedApproval,
} from './approval.ts'
export {
  type ApprovalStatement,
  approvalStatement,
  type ChangeAction,
  type ChangeRecord,
  changeAction,
  changeRecord,
  changeSubject,
} from './change.ts'
export * from './guard/index.ts'
export {
  type DecidingPolicy,
  decideVerdict,
  type PolicyAnswer,
  type PolicySpec,
  policySpec,
  type Verdict,
} from './policy.ts'
export { type LifecycleLevel, lifecycleLevels, type ProjectSpec, projectSpec } from './project.ts'
export { redacted, type SecretSpec, sealedSecretSpec, secretSpec } from './secret.ts'
export { whyForeign } from './why-foreign.ts'
