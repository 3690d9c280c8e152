// Intent model
//
// `clinc`, ready to be written as a folder: code points of questions in, the chance of every intent and the place of the
// likeliest out. The whole way from characters to intents is inside the graph, so that nobody who asks can count otherwise
// than the training did.

import type { Golden } from '@tutti/core/fleet'
import type { ModelDraft } from '../../models/model-folder.ts'
import { encodeOnnx, type OnnxGraph } from '../../models/onnx-writer.ts'
import { codePointsOf, featuresOf, gramMax, textWidth, tiny } from './ngrams.ts'
import { chancesOf, type IntentClassifier, type Question } from './train-intents.ts'

export const intentModelName = 'clinc'
const goldenCases = 16

/** `probes`: questions whose answers every node must give again before it serves. */
export function intentModel(
  classifier: IntentClassifier,
  version: string,
  probes: readonly Question[],
): ModelDraft {
  const { labels } = classifier
  return {
    model: intentModelName,
    version,
    task: 'text-classification',
    prediction: { kind: 'argmax', output: 'chances', labels: [...labels] },
    input: { name: 'text', datatype: 'INT32', shape: [-1, textWidth] },
    outputs: [
      { name: 'chances', datatype: 'FP32', shape: [-1, labels.length] },
      { name: 'intent', datatype: 'INT64', shape: [-1] },
    ],
    batchMax: 128,
    golden: goldenOf(classifier, probes.slice(0, goldenCases)),
    variants: [
      {
        ...{ precision: 'fp32', memoryBytes: 128 * 2 ** 20 },
        onnx: encodeOnnx(intentGraph(classifier)),
      },
    ],
  }
}

/** What the training itself says, which knows nothing of the graph. */
function goldenOf(classifier: IntentClassifier, probes: readonly Question[]): Golden {
  return {
    comparison: { kind: 'close', absolute: 1e-3, relative: 0 },
    cases: probes.map(({ text }) => {
      const chances = chancesOf(classifier, featuresOf(classifier.vocabulary, text))
      const intent = chances.indexOf(Math.max(...chances))
      const points = [...codePointsOf(text)]
      return {
        inputs: [{ name: 'text', datatype: 'INT32', shape: [1, textWidth], data: points }],
        outputs: [
          { name: 'chances', datatype: 'FP32', shape: [1, chances.length], data: [...chances] },
          { name: 'intent', datatype: 'INT64', shape: [1], data: [intent] },
        ],
      }
    }),
  }
}

export function intentGraph({ vocabulary, labels, weights, bias }: IntentClassifier): OnnxGraph {
  const size = vocabulary.grams.size
  const grams = [...vocabulary.grams.keys()]
  return {
    name: intentModelName,
    inputs: [{ name: 'text', shape: ['N', textWidth], element: 'int32' }],
    outputs: [
      { name: 'chances', shape: ['N', labels.length] },
      { name: 'intent', shape: ['N'], element: 'int64' },
    ],
    nodes: [
      {
        ...{ op: 'TfIdfVectorizer', inputs: ['text'], outputs: ['counts'] },
        attributes: {
          ...{ mode: 'TF', min_gram_length: 1, max_gram_length: gramMax, max_skip_count: 0 },
          ngram_counts: startsOf(grams),
          ngram_indexes: grams.map((_, place) => place),
          pool_int64s: grams.flatMap((gram) => [...gram].map((char) => char.charCodeAt(0))),
        },
      },
      { op: 'Add', inputs: ['counts', 'one'], outputs: ['more'] },
      { op: 'Log', inputs: ['more'], outputs: ['often'] },
      { op: 'Mul', inputs: ['often', 'rarity'], outputs: ['vector'] },
      {
        ...{ op: 'ReduceL2', inputs: ['vector'], outputs: ['length'] },
        attributes: { axes: [1], keepdims: 1 },
      },
      { op: 'Add', inputs: ['length', 'tiny'], outputs: ['divisor'] },
      { op: 'Div', inputs: ['vector', 'divisor'], outputs: ['unit'] },
      { op: 'Gemm', inputs: ['unit', 'weights', 'bias'], outputs: ['logits'] },
      { op: 'Softmax', inputs: ['logits'], outputs: ['chances'], attributes: { axis: 1 } },
      {
        ...{ op: 'ArgMax', inputs: ['logits'], outputs: ['intent'] },
        attributes: { axis: 1, keepdims: 0 },
      },
    ],
    constants: [
      { name: 'one', shape: [1], data: Float32Array.of(1) },
      { name: 'tiny', shape: [1], data: Float32Array.of(tiny) },
      { name: 'rarity', shape: [size], data: vocabulary.weights },
      { name: 'weights', shape: [size, labels.length], data: weights },
      { name: 'bias', shape: [labels.length], data: bias },
    ],
  }
}

/** Where the runs of each length begin among the characters of all, as the operator wants it. */
function startsOf(grams: readonly string[]): number[] {
  const starts: number[] = []
  for (let size = 1, start = 0; size <= gramMax; size++) {
    starts.push(start)
    start += size * grams.filter(({ length }) => length === size).length
  }
  return starts
}
