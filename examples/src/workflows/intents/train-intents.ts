// Train intents
//
// Softmax regression on the runs of characters of questions, by stochastic gradients whose steps become smaller to nothing.
// Same questions and effort: the same weights, bit by bit.

import { drawOrder, seededRandom } from '../../models/random.ts'
import { type Features, featuresOf, readVocabulary, type Vocabulary } from './ngrams.ts'

export interface Question {
  readonly text: string
  readonly intent: string
}

export interface IntentClassifier {
  readonly vocabulary: Vocabulary
  /** In alphabetical order. */
  readonly labels: readonly string[]
  /** One row per run, one column per label. */
  readonly weights: Float32Array
  readonly bias: Float32Array
}

const firstStep = 6 // vectors have length 1, and their values are small
const biasShare = 0.1 // of a step: the bias moves with every question
const seed = 51

export function trainIntents(questions: readonly Question[], epochs: number): IntentClassifier {
  const labels = [...new Set(questions.map(({ intent }) => intent))].sort()
  const vocabulary = readVocabulary(questions.map(({ text }) => text))
  const features = questions.map(({ text }) => featuresOf(vocabulary, text))
  const truths = questions.map(({ intent }) => labels.indexOf(intent))
  const weights = new Float32Array(vocabulary.grams.size * labels.length)
  const bias = new Float32Array(labels.length)
  const classifier = { vocabulary, labels, weights, bias }
  const random = seededRandom(seed)
  for (let epoch = 0; epoch < epochs; epoch++) {
    const step = firstStep * (1 - epoch / epochs)
    for (const index of drawOrder(random, questions.length)) {
      const one = features[index]
      if (one !== undefined) learn(classifier, one, { truth: truths[index] ?? 0, step })
    }
  }
  return classifier
}

function learn(
  classifier: IntentClassifier,
  features: Features,
  { truth, step }: { readonly truth: number; readonly step: number },
): void {
  const { weights, bias } = classifier
  const slopes = chancesOf(classifier, features)
  slopes[truth] = (slopes[truth] ?? 0) - 1
  const width = slopes.length
  for (let i = 0; i < features.places.length; i++) {
    const row = (features.places[i] ?? 0) * width
    const share = step * (features.values[i] ?? 0)
    for (let k = 0; k < width; k++) {
      weights[row + k] = (weights[row + k] ?? 0) - share * (slopes[k] ?? 0)
    }
  }
  for (let k = 0; k < width; k++) bias[k] = (bias[k] ?? 0) - step * biasShare * (slopes[k] ?? 0)
}

/** How likely each label is. */
export function chancesOf(
  { weights, bias }: IntentClassifier,
  { places, values }: Features,
): Float64Array {
  const chances = Float64Array.from(bias)
  const width = chances.length
  for (let i = 0; i < places.length; i++) {
    const row = (places[i] ?? 0) * width
    const value = values[i] ?? 0
    for (let k = 0; k < width; k++) chances[k] = (chances[k] ?? 0) + value * (weights[row + k] ?? 0)
  }
  const most = chances.reduce((max, chance) => Math.max(max, chance))
  let sum = 0
  for (let k = 0; k < width; k++) {
    const chance = Math.exp((chances[k] ?? 0) - most)
    chances[k] = chance
    sum += chance
  }
  return chances.map((chance) => chance / sum)
}

export function classifyText(classifier: IntentClassifier, text: string): string {
  const chances = chancesOf(classifier, featuresOf(classifier.vocabulary, text))
  return classifier.labels[chances.indexOf(Math.max(...chances))] ?? ''
}
