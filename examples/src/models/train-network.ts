// Train network
//
// Minimises the cross-entropy of a network's labels by stochastic gradients (Adam, Kingma and Ba
// 2015). Every example is seen once: drawing a new part is cheaper than learning from an old one,
// and nothing can be learnt by heart. Same network and examples: the same weights, bit by bit.

import {
  forward,
  type Layer,
  type LayerPass,
  type Network,
  newPass,
  placesOf,
  softmax,
} from './network.ts'

export interface Example {
  /** A normalised image. */
  readonly image: Float32Array
  readonly label: number
}

const batchSize = 16

/** Trains in place; the learning rate falls to a tenth from the first to the last example. */
export function trainNetwork(
  network: Network,
  examples: readonly Example[],
  learningRate: number,
): void {
  const learners = network.map(newLearner)
  for (let start = 0; start < examples.length; start += batchSize) {
    const batch = examples.slice(start, start + batchSize)
    for (const example of batch) addGradients(network, learners, example)
    const decay = 0.1 ** (start / examples.length)
    const step = { learningRate: learningRate * decay, number: 1 + start / batchSize }
    for (const learner of learners) {
      update(learner.weights, step, batch.length)
      update(learner.bias, step, batch.length)
    }
  }
}

/** One layer's training buffers, written by the functions below and thrown away at the end. */
interface Learner {
  readonly layer: Layer
  readonly pass: LayerPass
  /** How the loss of the example at hand changes with `pass.found`. */
  readonly foundGradient: Float32Array
  /** How it changes with the layer's input. */
  readonly inputGradient: Float32Array
  readonly weights: Parameters
  readonly bias: Parameters
}

/** Parameters with their gradient, summed over the batch, and Adam's two running means. */
interface Parameters {
  readonly values: Float32Array
  readonly gradient: Float32Array
  readonly mean: Float32Array
  readonly square: Float32Array
}

function newLearner(layer: Layer): Learner {
  const pass = newPass(layer)
  return {
    layer,
    pass,
    foundGradient: new Float32Array(pass.found.length),
    inputGradient: new Float32Array(layer.input.channels * layer.input.side ** 2),
    weights: newParameters(layer.weights),
    bias: newParameters(layer.bias),
  }
}

function newParameters(values: Float32Array): Parameters {
  const { length } = values
  return {
    values,
    gradient: new Float32Array(length),
    mean: new Float32Array(length),
    square: new Float32Array(length),
  }
}

function addGradients(network: Network, learners: readonly Learner[], example: Example): void {
  const passes = learners.map((learner) => learner.pass)
  forward(network, passes, example.image)
  let outputGradient = lossGradient(passes.at(-1)?.output ?? new Float32Array(), example.label)
  for (const [above, learner] of learners.toReversed().entries()) {
    setFoundGradient(learner, outputGradient)
    addParameterGradients(learner)
    const isFirstLayer = above === learners.length - 1
    if (!isFirstLayer) setInputGradient(learner)
    outputGradient = learner.inputGradient
  }
}

/** Cross-entropy after softmax: the probabilities minus the truth. */
function lossGradient(logits: Float32Array, label: number): Float32Array {
  return softmax(logits).map((probability, i) => (i === label ? probability - 1 : probability))
}

function setFoundGradient({ layer, pass, foundGradient }: Learner, output: Float32Array): void {
  switch (layer.after) {
    case 'nothing':
      foundGradient.set(output)
      return
    case 'relu':
      for (let i = 0; i < output.length; i++) {
        foundGradient[i] = (pass.found[i] ?? 0) > 0 ? (output[i] ?? 0) : 0
      }
      return
    case 'relu-pool':
      foundGradient.fill(0)
      for (const [channel, greatest] of pass.output.entries()) {
        if (greatest === 0) continue
        const place = pass.found.indexOf(greatest, channel * placesOf(layer))
        foundGradient[place] = output[channel] ?? 0
      }
  }
}

function addParameterGradients({ layer, pass, foundGradient, weights, bias }: Learner): void {
  const { patchLength } = layer
  const places = placesOf(layer)
  for (let i = 0; i < foundGradient.length; i++) {
    const gradient = foundGradient[i] ?? 0
    if (gradient === 0) continue
    const channel = Math.floor(i / places)
    const row = channel * patchLength
    const column = (i % places) * patchLength
    bias.gradient[channel] = (bias.gradient[channel] ?? 0) + gradient
    for (let k = 0; k < patchLength; k++) {
      const slope = gradient * (pass.columns[column + k] ?? 0)
      weights.gradient[row + k] = (weights.gradient[row + k] ?? 0) + slope
    }
  }
}

function setInputGradient({ layer, foundGradient, inputGradient }: Learner): void {
  const { patches, patchLength, weights } = layer
  const places = placesOf(layer)
  inputGradient.fill(0)
  for (let i = 0; i < foundGradient.length; i++) {
    const gradient = foundGradient[i] ?? 0
    if (gradient === 0) continue
    const row = Math.floor(i / places) * patchLength
    const column = (i % places) * patchLength
    for (let k = 0; k < patchLength; k++) {
      const source = patches[column + k] ?? 0
      inputGradient[source] = (inputGradient[source] ?? 0) + gradient * (weights[row + k] ?? 0)
    }
  }
}

// Adam's usual constants.
const meanDecay = 0.9
const squareDecay = 0.999
const tiny = 1e-8

/** One step of Adam over a batch of `count` examples; empties the gradient. */
function update(
  { values, gradient, mean, square }: Parameters,
  step: { readonly learningRate: number; readonly number: number },
  count: number,
): void {
  const meanShare = 1 - meanDecay ** step.number
  const squareShare = 1 - squareDecay ** step.number
  for (let i = 0; i < values.length; i++) {
    const slope = (gradient[i] ?? 0) / count
    const nextMean = meanDecay * (mean[i] ?? 0) + (1 - meanDecay) * slope
    const nextSquare = squareDecay * (square[i] ?? 0) + (1 - squareDecay) * slope * slope
    mean[i] = nextMean
    square[i] = nextSquare
    const stride = nextMean / meanShare / (Math.sqrt(nextSquare / squareShare) + tiny)
    values[i] = (values[i] ?? 0) - step.learningRate * stride
  }
  gradient.fill(0)
}
