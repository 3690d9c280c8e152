// Vibration model
//
// Learns the few directions in which normal windows vary (principal components, the linear
// autoencoder) and scores a window by what is left of it without them: the mean square of the
// residual. A window that moves in no known way scores high.

import { strict as assert } from 'node:assert'
import type { Golden } from '@tutti/core/fleet'
import type { ModelDraft } from './model-folder.ts'
import { encodeOnnx, type OnnxGraph } from './onnx-writer.ts'
import { drawUniform, seededRandom } from './random.ts'
import { takeWindows, vibrationLabels, windowSamples } from './vibration-series.ts'

export interface Detector {
  readonly mean: Float32Array
  /** Orthonormal directions of normal variation, one per row. */
  readonly components: readonly Float32Array[]
  /** Scores from here upwards are anomalies. */
  readonly threshold: number
}

// Three waves of free phase span six directions, their small changes of speed six more.
const componentCount = 12
// The gaps between eigenvalues are wide: the subspace stands still after a dozen turns.
const turnsOfIteration = 40
const trainingWindows = 2_000
const goldenCases = 32
const seeds = { start: 1, training: 21, golden: 22 }

/** `more`: normal windows of the pumps themselves, besides those that are drawn. */
export function trainDetector(more: readonly Float32Array[] = []): Detector {
  const drawn = takeWindows(seeds.training, 0, trainingWindows).map(({ window }) => window)
  const windows = [...drawn, ...more]
  const mean = new Float32Array(windowSamples)
  for (const window of windows) addScaled(mean, window, 1 / windows.length)
  const components = principalComponents(covariance(windows, mean))
  const scores = windows.map((window) => score({ mean, components }, window)).sort(ascending)
  // Twice the worst of 99 % of normal windows; two digits, because more would claim more.
  const usual = scores[Math.floor(scores.length * 0.99)] ?? 0
  return { mean, components, threshold: Number((2 * usual).toPrecision(2)) }
}

/** The mean square of what the components do not explain. */
export function score(
  { mean, components }: Pick<Detector, 'mean' | 'components'>,
  window: Float32Array,
): number {
  const residual = window.map((value, i) => value - (mean[i] ?? 0))
  for (const component of components) {
    addScaled(residual, component, -dot(residual, component))
  }
  return dot(residual, residual) / residual.length
}

/** `vibration`, ready to be written as a folder. */
export function vibrationModel(detector: Detector, version = 'v1'): ModelDraft {
  return {
    model: 'vibration',
    version,
    task: 'anomaly-detection',
    prediction: {
      kind: 'threshold',
      output: 'score',
      threshold: detector.threshold,
      labels: [...vibrationLabels],
    },
    input: { name: 'window', datatype: 'FP32', shape: [-1, windowSamples] },
    outputs: [{ name: 'score', datatype: 'FP32', shape: [-1] }],
    batchMax: 64,
    golden: goldenOf(detector),
    variants: [
      { precision: 'fp32', memoryBytes: 16 * 2 ** 20, onnx: encodeOnnx(detectorGraph(detector)) },
    ],
  }
}

function detectorGraph({ mean, components }: Detector): OnnxGraph {
  const count = components.length
  const rows = Float32Array.from(components.flatMap((component) => [...component]))
  const columns = Float32Array.from({ length: rows.length }, (_, i) => {
    return components[i % count]?.[Math.floor(i / count)] ?? 0
  })
  return {
    name: 'vibration',
    inputs: [{ name: 'window', shape: ['N', windowSamples] }],
    outputs: [{ name: 'score', shape: ['N'] }],
    nodes: [
      { op: 'Sub', inputs: ['window', 'mean'], outputs: ['centred'] },
      { op: 'MatMul', inputs: ['centred', 'encoder'], outputs: ['code'] },
      { op: 'MatMul', inputs: ['code', 'decoder'], outputs: ['explained'] },
      { op: 'Sub', inputs: ['centred', 'explained'], outputs: ['residual'] },
      { op: 'Mul', inputs: ['residual', 'residual'], outputs: ['squares'] },
      {
        op: 'ReduceMean',
        inputs: ['squares'],
        outputs: ['score'],
        attributes: { axes: [1], keepdims: 0 },
      },
    ],
    constants: [
      { name: 'mean', shape: [windowSamples], data: mean },
      { name: 'encoder', shape: [windowSamples, count], data: columns },
      { name: 'decoder', shape: [count, windowSamples], data: rows },
    ],
  }
}

function goldenOf(detector: Detector): Golden {
  const windows = takeWindows(seeds.golden, 0.5, goldenCases)
  return {
    comparison: { kind: 'close', absolute: 1e-4, relative: 1e-3 },
    cases: windows.map(({ window }) => ({
      inputs: [{ name: 'window', datatype: 'FP32', shape: [1, windowSamples], data: [...window] }],
      outputs: [{ name: 'score', datatype: 'FP32', shape: [1], data: [score(detector, window)] }],
    })),
  }
}

function covariance(windows: readonly Float32Array[], mean: Float32Array): Float32Array[] {
  const rows = Array.from({ length: windowSamples }, () => new Float32Array(windowSamples))
  for (const window of windows) {
    const centred = window.map((value, i) => value - (mean[i] ?? 0))
    for (const [i, row] of rows.entries()) {
      addScaled(row, centred, (centred[i] ?? 0) / windows.length)
    }
  }
  return rows
}

/** Orthogonal iteration: multiply directions with the covariance, make them orthonormal, repeat. */
function principalComponents(covariance: readonly Float32Array[]): Float32Array[] {
  const random = seededRandom(seeds.start)
  let directions: Float32Array[] = Array.from({ length: componentCount }, () =>
    Float32Array.from({ length: windowSamples }, () => drawUniform(random, [-1, 1])),
  )
  for (let turn = 0; turn < turnsOfIteration; turn++) {
    directions = orthonormal(
      directions.map((direction) => Float32Array.from(covariance, (row) => dot(row, direction))),
    )
  }
  return directions
}

/** Gram and Schmidt, twice over, because 32-bit rounding leaves a rest the first time. */
function orthonormal(directions: readonly Float32Array[]): Float32Array[] {
  const straight: Float32Array[] = []
  for (const direction of directions) {
    const rest = direction.slice()
    for (const earlier of [...straight, ...straight]) {
      addScaled(rest, earlier, -dot(rest, earlier))
    }
    const length = Math.sqrt(dot(rest, rest))
    assert(length > 0, 'random directions are not parallel')
    straight.push(rest.map((value) => value / length))
  }
  return straight
}

function dot(left: Float32Array, right: Float32Array): number {
  let sum = 0
  for (let i = 0; i < left.length; i++) sum += (left[i] ?? 0) * (right[i] ?? 0)
  return sum
}

function addScaled(target: Float32Array, source: Float32Array, factor: number): void {
  for (let i = 0; i < target.length; i++) target[i] = (target[i] ?? 0) + factor * (source[i] ?? 0)
}

function ascending(left: number, right: number): number {
  return left - right
}
