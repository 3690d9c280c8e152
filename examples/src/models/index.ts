export { makeModels } from './make-models.ts'
export type { MadeModel } from './model-folder.ts'
export { encodeOnnx, type OnnxGraph } from './onnx-writer.ts'
export {
  imageSide,
  type Lighting,
  labLighting,
  liveInputs,
  liveLighting,
  type PartImage,
  type PartLabel,
  partLabels,
  takeInputs,
} from './part-image.ts'
export { type Effort, fullEffort, quickEffort } from './parts-models.ts'
export {
  takeWindows,
  type VibrationLabel,
  type VibrationWindow,
  vibrationInputs,
  vibrationLabels,
  windowSamples,
} from './vibration-series.ts'
