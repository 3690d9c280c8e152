// Retrain parts
//
// The network that judges stamped plates, trained further on plates that people have judged. What it knew is shown to it
// again in between, so that it does not forget it.

import { normalise } from '../../models/lighting.ts'
import type { ModelDraft } from '../../models/model-folder.ts'
import { copyNetwork, type Network, newNetwork } from '../../models/network.ts'
import {
  imageSide,
  labLighting,
  type PartLabel,
  partLabels,
  takeInputs,
} from '../../models/part-image.ts'
import { partsModel } from '../../models/parts-models.ts'
import { seededRandom } from '../../models/random.ts'
import { type Example, trainNetwork } from '../../models/train-network.ts'

export interface JudgedPart {
  readonly image: readonly number[]
  readonly label: PartLabel
}

const seeds = { weights: 1, first: 61, again: 62 }
const firstParts = 5_000 // right nine times of ten, and unsure of some: there is something to learn
const againParts = 600
const judgedShare = 8 // of what it sees one in so many was judged by people

/** What the first version is: trained on plates in the light of the lab. */
export function firstPartsNetwork(): Network {
  const image = { channels: 1, side: imageSide }
  const network = newNetwork(seededRandom(seeds.weights), image, partLabels.length)
  trainNetwork(network, drawn(seeds.first, firstParts), 6e-3)
  return network
}

export function retrainParts(first: Network, judged: readonly JudgedPart[]): Network {
  const network = copyNetwork(first)
  const known = judged.map(({ image, label }) => exampleOf(Float32Array.from(image), label))
  const again = drawn(seeds.again, againParts).flatMap((example, i) => {
    const one = known[Math.floor(i / judgedShare) % Math.max(1, known.length)]
    return i % judgedShare === 0 && one !== undefined ? [example, one] : [example]
  })
  trainNetwork(network, again, 1e-3)
  return network
}

export function retrainedPartsModel(judged: readonly JudgedPart[], version: string): ModelDraft {
  const first = firstPartsNetwork()
  return partsModel(version, judged.length === 0 ? first : retrainParts(first, judged))
}

function drawn(seed: number, count: number): Example[] {
  return takeInputs(seed, labLighting, count).map(({ image, label }) => exampleOf(image, label))
}

function exampleOf(image: Float32Array, label: PartLabel): Example {
  return { image: normalise(image), label: partLabels.indexOf(label) }
}
