export {
  type Assignee,
  type Assignment,
  assignment,
  isInCohort,
  positionOf,
  type Release,
  release,
  releaseFor,
  supersedes,
  wishFor,
} from './assignment.ts'
export { checkPlan } from './check-plan.ts'
export {
  type DeploymentSpec,
  deploymentSpec,
  type GateSpec,
  gateSpec,
  type Strategy,
  servedName,
  strategy,
} from './deployment.ts'
export {
  type ArmSample,
  evidenceOf,
  type GateMetric,
  type GateState,
  type GateVerdict,
  gateMetrics,
  gateStart,
  gateVerdict,
  type StratumSample,
  updateGate,
} from './gate.ts'
export { argmaxRows, decideProbe, type Golden, golden, type ProbeVerdict } from './golden.ts'
export { hash32 } from './hash.ts'
export {
  type InstallFailure,
  type InstallState,
  installState,
  isModelFault,
  machineFaults,
  modelFaults,
} from './install-state.ts'
export {
  checkSignedFiles,
  type ModelFile,
  type ModelSpec,
  modelFile,
  modelSpec,
  type Prediction,
  pickVariant,
  prediction,
  type Variant,
  type VariantFit,
  variant,
} from './model.ts'
export {
  type Convergence,
  convergenceOf,
  type DeploymentReport,
  deploymentReport,
  type NodeFacts,
  type NodeSpec,
  type NodeView,
  nodeFacts,
  nodeSpec,
  reportOf,
  runsRelease,
  stratumOf,
} from './node.ts'
export {
  type ConsistencyProof,
  consistencyProof,
  frameBytesMax,
  type InclusionProof,
  inclusionProof,
  type JoinRequest,
  type JoinToken,
  joinRequest,
  joinToken,
  protocolVersion,
  type ReleaseTelemetry,
  releaseTelemetry,
  type SignedAssignment,
  signedAssignment,
  signingPrefix,
  type ToControlPlane,
  type ToNode,
  telemetryReleasesMax,
  toControlPlane,
  toNode,
} from './node-protocol.ts'
export { pickCanaries } from './pick-canaries.ts'
export {
  type InstallAction,
  type InstallContext,
  type InstallEvent,
  type InstallPlan,
  installStart,
  planInstall,
  resumeInstall,
} from './plan-install.ts'
export {
  planRollout,
  type RolloutCause,
  type RolloutPlan,
  type RolloutSpec,
  type RolloutStart,
  type RolloutState,
  type RolloutView,
  startRollout,
  wavesOf,
} from './rollout.ts'
export { type RolloutResourceSpec, rolloutResourceSpec } from './rollout-resource.ts'
export {
  addLatency,
  countAbove,
  emptySketch,
  mergeSketches,
  newBuckets,
  quantile,
  type Sketch,
  type SketchBuckets,
  sketch,
  sketchCount,
  takeSketch,
} from './sketch.ts'
export {
  type Datatype,
  datatype,
  datatypeBytes,
  elementCount,
  type JsonTensor,
  jsonTensor,
  shapeFits,
  type TensorSignature,
  tensorSignature,
} from './tensor.ts'
