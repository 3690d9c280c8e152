export { base64OfText, textOfBase64 } from './base64.ts'
export { canonicalJson, type Json } from './canonical-json.ts'
export { ExactNumber, exactJson, exactJsonOf, exactNumberOf, mayBeInexact } from './exact-json.ts'
export { type Finding, formatFinding } from './finding.ts'
export { hash32 } from './hash.ts'
export { type Kind, type KindEntry, kindNames, kindOf, kinds } from './kinds.ts'
export {
  type Digest,
  didKey,
  digest,
  dnsName,
  type Labels,
  labels,
  type Selector,
  selector,
  selects,
} from './name.ts'
export { nearest } from './nearest.ts'
export { levelsMax, whereTooDeep } from './nesting.ts'
export { mayMisreadName, parseJson } from './parse-json.ts'
export {
  apiVersion,
  type DeclaredMetadata,
  declaredMetadata,
  formatKey,
  type Metadata,
  type Resource,
  type ResourceKey,
  resourceName,
} from './resource.ts'
export { signingPrefix } from './signing-prefix.ts'
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
export { whyUnknown } from './why-unknown.ts'
