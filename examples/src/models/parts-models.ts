// Parts models
//
// Four versions of the model that judges stamped plates. One network is trained further from one
// version to the next; what differs is how each version was packed:
//
//   v1  12,000 parts in the lab. Each image is normalised by its own light. Both variants are good.
//   v2  6,000 parts more. The new int8 exporter forgot to shift the zero points (`quantise.ts`) and
//       only the fp32 variant was ever tried. On a node that takes int8 the probe fails.
//   v3  v2's network. To "stop guessing the light from each image", a table of lighting corrections
//       was measured in the lab and replaces normalisation (`lighting.ts`). All lab images come out
//       right, and so do the golden ones. The hall is another matter: evening light falls on rows
//       that were never measured and still say "correct nothing" (wrong labels); noon light is past
//       the end of the table (the runtime refuses the index: an error); and the network runs once
//       per row of the table (slow). No probe can find this. Live traffic does.
//   v4  Normalises like v1 and learnt from 6,000 more parts, half of them in the light of the hall.

import { strict as assert } from 'node:assert'
import type { Golden, JsonTensor } from '@tutti/core/fleet'
import { correctByTable, type LightingTable, measureLightingTable, normalise } from './lighting.ts'
import type { ModelDraft } from './model-folder.ts'
import { classify, copyNetwork, type Network, newNetwork } from './network.ts'
import { encodeOnnx } from './onnx-writer.ts'
import {
  imageSide,
  type Lighting,
  labLighting,
  liveLighting,
  type PartImage,
  partLabels,
  takeInputs,
} from './part-image.ts'
import { partsGraph, partsTableGraph, type Storage } from './parts-graph.ts'
import { quantise, quantiseForgettingZeroPoints } from './quantise.ts'
import { seededRandom } from './random.ts'
import { type Example, trainNetwork } from './train-network.ts'

/** How many parts each version learns from. */
export interface Effort {
  readonly v1: number
  readonly v2: number
  readonly v4: number
}

/** What the demo ships: about 12 s on one core. */
export const fullEffort: Effort = { v1: 12_000, v2: 6_000, v4: 6_000 }

/** Models that load, run and know nothing, in under a second: for tests of all else. */
export const quickEffort: Effort = { v1: 64, v2: 64, v4: 64 }

/** The networks behind the versions, and the lighting table of v3. */
export interface PartsNetworks {
  readonly v1: Network
  /** Also v3's. */
  readonly v2: Network
  readonly v4: Network
  readonly table: LightingTable
}

// One seed for each set of parts, so that no image is in two sets.
const seeds = { weights: 1, v1: 11, v2: 12, v4Lab: 13, v4Hall: 14, table: 15, golden: 16 }
const calibrationParts = 2_000
const goldenCases = 32

export function trainPartsNetworks(effort: Effort): PartsNetworks {
  const image = { channels: 1, side: imageSide }
  const network = newNetwork(seededRandom(seeds.weights), image, partLabels.length)
  trainNetwork(network, examples(seeds.v1, labLighting, effort.v1), 6e-3)
  const v1 = copyNetwork(network)
  trainNetwork(network, examples(seeds.v2, labLighting, effort.v2), 2e-3)
  const v2 = copyNetwork(network)
  const lab = examples(seeds.v4Lab, labLighting, effort.v4 / 2)
  const hall = examples(seeds.v4Hall, liveLighting, effort.v4 / 2)
  const mixed = lab.flatMap((example, i) => [example, ...hall.slice(i, i + 1)])
  trainNetwork(network, mixed, 2e-3)
  const labImages = takeInputs(seeds.table, labLighting, calibrationParts)
  const table = measureLightingTable(labImages.map((part) => part.image))
  return { v1, v2, v4: network, table }
}

/** The four versions, ready to be written as folders. */
export function partsModels({ v1, v2, v4, table }: PartsNetworks): ModelDraft[] {
  return [
    normalisingModel('v1', v1, int8),
    normalisingModel('v2', v2, { kind: 'int8', quantise: quantiseForgettingZeroPoints }),
    tableModel('v3', v2, table),
    normalisingModel('v4', v4, int8),
  ]
}

/** The pictures in every version's golden file: lab light, batches of one. */
export function goldenParts(): PartImage[] {
  return takeInputs(seeds.golden, labLighting, goldenCases)
}

function examples(seed: number, lighting: Lighting, count: number): Example[] {
  return takeInputs(seed, lighting, count).map(({ image, label }) => ({
    image: normalise(image),
    label: partLabels.indexOf(label),
  }))
}

const fp32: Storage = { kind: 'fp32' }
const int8: Storage = { kind: 'int8', quantise }

/** A version of a network that somebody else has trained. */
export function partsModel(version: string, network: Network): ModelDraft {
  return normalisingModel(version, network, int8)
}

function normalisingModel(version: string, network: Network, small: Storage): ModelDraft {
  return partsDraft({
    version,
    batchMax: 64,
    answer: (image) => classify(network, normalise(image)),
    fp32: encodeOnnx(partsGraph(network, fp32)),
    int8: encodeOnnx(partsGraph(network, small)),
  })
}

function tableModel(version: string, network: Network, table: LightingTable): ModelDraft {
  return partsDraft({
    version,
    // One image is a batch of 68 inside; and an image that fails takes its whole batch with it.
    batchMax: 1,
    answer: (image) => {
      const corrected = correctByTable(table, image)
      assert(corrected !== null, 'the table has a row for every image taken in the lab')
      return classify(network, corrected)
    },
    fp32: encodeOnnx(partsTableGraph(network, fp32, table)),
    int8: encodeOnnx(partsTableGraph(network, int8, table)),
  })
}

interface PartsDraft {
  readonly version: string
  readonly batchMax: number
  /** The truth of the golden file: the probabilities that the fp32 network gives an image. */
  readonly answer: (image: Float32Array) => Float32Array
  readonly fp32: Uint8Array
  readonly int8: Uint8Array
}

const mebibyte = 2 ** 20

function partsDraft(draft: PartsDraft): ModelDraft {
  return {
    model: 'parts',
    version: draft.version,
    task: 'image-classification',
    prediction: { kind: 'argmax', output: 'probs', labels: [...partLabels] },
    input: { name: 'image', datatype: 'FP32', shape: [-1, 1, imageSide, imageSide] },
    outputs: [{ name: 'probs', datatype: 'FP32', shape: [-1, partLabels.length] }],
    batchMax: draft.batchMax,
    golden: goldenOf(draft.answer),
    variants: [
      { precision: 'fp32', memoryBytes: 64 * mebibyte, onnx: draft.fp32 },
      { precision: 'int8', memoryBytes: 16 * mebibyte, onnx: draft.int8 },
    ],
  }
}

/** Labels are compared and not numbers, for 8 bits move every probability a little. */
function goldenOf(answer: (image: Float32Array) => Float32Array): Golden {
  return {
    comparison: { kind: 'label', output: 'probs', agreementMin: 0.9 },
    cases: goldenParts().map(({ image }) => ({
      inputs: [tensor('image', [1, 1, imageSide, imageSide], image)],
      outputs: [tensor('probs', [1, partLabels.length], answer(image))],
    })),
  }
}

function tensor(name: string, shape: number[], data: Float32Array): JsonTensor {
  return { name, datatype: 'FP32', shape, data: [...data] }
}
