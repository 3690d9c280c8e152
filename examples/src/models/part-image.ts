// Part image
//
// Draws what the camera over a conveyor belt sees: one stamped steel plate, 24×24 pixels, 8 bits
// of grey, good or with one of three defects. Size, place and angle vary from part to part, light
// from hour to hour.

import { drawNormal, drawUniform, type Random, type Range, seededRandom } from './random.ts'

export const partLabels = ['good', 'scratch', 'hole', 'dent'] as const
export type PartLabel = (typeof partLabels)[number]

export const imageSide = 24
export const imagePixels = imageSide * imageSide

/** How bright it is: a pixel is `ambient + exposure · reflectance`, and the sensor clips at 1. */
export interface Lighting {
  readonly exposure: Range
  readonly ambient: Range
}

/** The lamp of the lab where training, test and golden images were taken. */
export const labLighting: Lighting = { exposure: [0.94, 1.06], ambient: [0.02, 0.06] }

/** The hall: windows, clouds, evening shifts. The lab is its middle and never saw its ends. */
export const liveLighting: Lighting = { exposure: [0.66, 1.42], ambient: [0, 0.1] }

export interface PartImage {
  /** Row-major grey values; multiples of 1/256, so that they stay exact and short as JSON. */
  readonly image: Float32Array
  readonly label: PartLabel
}

/** An endless stream of parts, every label equally often, so that a short run meets all of them. */
export function* liveInputs(seed: number, lighting: Lighting): Generator<PartImage, never> {
  const random = seededRandom(seed)
  while (true) {
    const label = partLabels[Math.floor(random() * partLabels.length)] ?? 'good'
    yield { image: drawPart(random, label, lighting), label }
  }
}

/** The first `count` parts of a stream. */
export function takeInputs(seed: number, lighting: Lighting, count: number): PartImage[] {
  const stream = liveInputs(seed, lighting)
  return Array.from({ length: count }, () => stream.next().value)
}

interface Plate {
  readonly centreX: number
  readonly centreY: number
  readonly cosine: number
  readonly sine: number
  readonly halfLength: number
  readonly halfWidth: number
  /** Shine of the steel as a share of full white. */
  readonly shine: number
}

/** What a defect does to the steel at a point given in the plate's own axes. */
type Defect = (x: number, y: number, steel: number) => number

const beltReflectance = 0.12
const sensorNoise = 0.008

function drawPart(random: Random, label: PartLabel, lighting: Lighting): Float32Array {
  const plate = drawPlate(random)
  const defect = drawDefect(random, label, plate)
  const exposure = drawUniform(random, lighting.exposure)
  const ambient = drawUniform(random, lighting.ambient)
  const image = new Float32Array(imagePixels)
  for (let pixel = 0; pixel < imagePixels; pixel++) {
    const reflectance = reflectanceAt(plate, defect, pixel)
    const light = ambient + exposure * reflectance + sensorNoise * drawNormal(random)
    image[pixel] = Math.min(255, Math.max(0, Math.floor(light * 256))) / 256
  }
  return image
}

function drawPlate(random: Random): Plate {
  const angle = drawUniform(random, [-0.2, 0.2])
  return {
    centreX: drawUniform(random, [10.3, 12.7]),
    centreY: drawUniform(random, [10.3, 12.7]),
    cosine: Math.cos(angle),
    sine: Math.sin(angle),
    halfLength: drawUniform(random, [8.6, 9.4]),
    halfWidth: drawUniform(random, [7.1, 7.9]),
    shine: drawUniform(random, [0.57, 0.63]),
  }
}

function reflectanceAt(plate: Plate, defect: Defect, pixel: number): number {
  const fromX = (pixel % imageSide) - plate.centreX
  const fromY = Math.floor(pixel / imageSide) - plate.centreY
  const x = plate.cosine * fromX + plate.sine * fromY
  const y = plate.cosine * fromY - plate.sine * fromX
  // Half a pixel of soft edge, as a lens gives it.
  const inside = Math.min(plate.halfLength - Math.abs(x), plate.halfWidth - Math.abs(y)) + 0.5
  const share = Math.min(1, Math.max(0, inside))
  return beltReflectance + share * (defect(x, y, plate.shine) - beltReflectance)
}

function drawDefect(random: Random, label: PartLabel, plate: Plate): Defect {
  const centreX = drawUniform(random, [2.5 - plate.halfLength, plate.halfLength - 2.5])
  const centreY = drawUniform(random, [2.5 - plate.halfWidth, plate.halfWidth - 2.5])
  switch (label) {
    case 'good':
      return (_x, _y, steel) => steel
    case 'scratch':
      return drawScratch(random, centreX, centreY)
    case 'hole':
      return drawHole(random, centreX, centreY)
    case 'dent':
      return drawDent(random, centreX, centreY)
  }
}

/** A thin bright line: fresh metal shows where the skin is gone. */
function drawScratch(random: Random, centreX: number, centreY: number): Defect {
  const angle = drawUniform(random, [0, Math.PI])
  const halfLength = drawUniform(random, [3, 5])
  const depth = drawUniform(random, [0.2, 0.32])
  const [cosine, sine] = [Math.cos(angle), Math.sin(angle)]
  return (x, y, steel) => {
    const along = cosine * (x - centreX) + sine * (y - centreY)
    const across = cosine * (y - centreY) - sine * (x - centreX)
    const line = Math.abs(along) < halfLength ? Math.max(0, 1 - Math.abs(across)) : 0
    return steel + depth * line
  }
}

/** A small dark disc: one sees the belt through it. */
function drawHole(random: Random, centreX: number, centreY: number): Defect {
  const radius = drawUniform(random, [1.2, 2])
  return (x, y, steel) => {
    const distance = Math.hypot(x - centreX, y - centreY)
    const open = Math.min(1, Math.max(0, radius - distance + 0.5))
    return steel + open * (beltReflectance - steel)
  }
}

/** A soft hollow, darker towards the lamp and brighter away from it. */
function drawDent(random: Random, centreX: number, centreY: number): Defect {
  const spread = drawUniform(random, [1.6, 2.2])
  const depth = drawUniform(random, [0.2, 0.32])
  return (x, y, steel) => {
    const [fromX, fromY] = [(x - centreX) / spread, (y - centreY) / spread]
    return steel + depth * (fromX + fromY) * Math.exp(-(fromX * fromX + fromY * fromY) / 2)
  }
}
