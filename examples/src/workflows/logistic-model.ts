// Logistic model
//
// The smallest model that learns something: one weight per feature. It is trained here, on data drawn from a seed, and
// written to ONNX, so that the workflows beside it ask a model and not a rule. Same sources, same bytes.

import type { Golden } from '@tutti/core/fleet'
import type { ModelDraft } from '../models/model-folder.ts'
import { encodeOnnx, type OnnxGraph } from '../models/onnx-writer.ts'

export interface Labelled {
  readonly features: readonly number[]
  readonly isPositive: boolean
}

const turns = 400 // the loss stands still after some three hundred
const learningRate = 0.5
const decay = 1e-4 // features that say nothing keep no weight

const goldenCases = 16

/** `x` FP32 `[N, features]` in, `score` FP32 `[N, 1]` out: how likely the label is positive. */
export function logisticModel(name: string, examples: readonly Labelled[]): ModelDraft {
  const trained = train(examples)
  const width = trained.weights.length
  return {
    ...{ model: name, version: 'v1', task: 'tabular-classification' },
    prediction: { kind: 'threshold', output: 'score', threshold: 0.5, labels: ['no', 'yes'] },
    input: { name: 'x', datatype: 'FP32', shape: [-1, width] },
    outputs: [{ name: 'score', datatype: 'FP32', shape: [-1, 1] }],
    batchMax: 64,
    golden: goldenOf(trained, examples.slice(0, goldenCases)),
    variants: [
      {
        ...{ precision: 'fp32', memoryBytes: 16 * 2 ** 20 },
        onnx: encodeOnnx(graphOf(name, trained)),
      },
    ],
  }
}

interface Trained {
  readonly weights: readonly number[]
  readonly bias: number
}

/** What the training says of examples, which knows nothing of the graph. */
function goldenOf({ weights, bias }: Trained, examples: readonly Labelled[]): Golden {
  return {
    comparison: { kind: 'close', absolute: 1e-4, relative: 1e-3 },
    cases: examples.map(({ features }) => {
      const x = { name: 'x', datatype: 'FP32' as const, shape: [1, features.length] }
      const score = 1 / (1 + Math.exp(-dot(weights, features) - bias))
      return {
        inputs: [{ ...x, data: [...features] }],
        outputs: [{ name: 'score', datatype: 'FP32', shape: [1, 1], data: [score] }],
      }
    }),
  }
}

function graphOf(name: string, { weights, bias }: Trained): OnnxGraph {
  const width = weights.length
  return {
    name,
    inputs: [{ name: 'x', shape: ['N', width] }],
    outputs: [{ name: 'score', shape: ['N', 1] }],
    nodes: [
      { op: 'MatMul', inputs: ['x', 'weights'], outputs: ['weighted'] },
      { op: 'Add', inputs: ['weighted', 'bias'], outputs: ['logit'] },
      { op: 'Sigmoid', inputs: ['logit'], outputs: ['score'] },
    ],
    constants: [
      { name: 'weights', shape: [width, 1], data: Float32Array.from(weights) },
      { name: 'bias', shape: [1], data: Float32Array.of(bias) },
    ],
  }
}

/** Descends on features of mean 0 and variance 1, and gives weights for features as they come. */
function train(examples: readonly Labelled[]): Trained {
  const width = examples[0]?.features.length ?? 0
  const columns = Array.from({ length: width }, (_, i) =>
    examples.map(({ features }) => features[i] ?? 0),
  )
  const means = columns.map((column) => sum(column) / column.length)
  const scales = columns.map((column, i) => {
    const mean = means[i] ?? 0
    const variance = sum(column.map((value) => (value - mean) ** 2)) / column.length
    return Math.sqrt(variance) || 1
  })
  const scaled = examples.map(({ features, isPositive }) => ({
    x: features.map((value, i) => (value - (means[i] ?? 0)) / (scales[i] ?? 1)),
    y: isPositive ? 1 : 0,
  }))
  let weights = Array.from({ length: width }, () => 0)
  let bias = 0
  for (let turn = 0; turn < turns; turn++) {
    const slopes = weights.map(() => 0)
    let biasSlope = 0
    for (const { x, y } of scaled) {
      const error = 1 / (1 + Math.exp(-dot(weights, x) - bias)) - y
      biasSlope += error
      for (let i = 0; i < width; i++) slopes[i] = (slopes[i] ?? 0) + error * (x[i] ?? 0)
    }
    const step = learningRate / scaled.length
    weights = weights.map((weight, i) => weight * (1 - decay) - step * (slopes[i] ?? 0))
    bias -= step * biasSlope
  }
  const own = weights.map((weight, i) => weight / (scales[i] ?? 1))
  return { weights: own, bias: bias - dot(own, means) }
}

function sum(values: readonly number[]): number {
  return values.reduce((all, value) => all + value, 0)
}

function dot(left: readonly number[], right: readonly number[]): number {
  return left.reduce((all, value, i) => all + value * (right[i] ?? 0), 0)
}
