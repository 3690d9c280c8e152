export { argmaxRows, decideProbe, type Golden, golden, type ProbeVerdict } from './golden.ts'
export {
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
