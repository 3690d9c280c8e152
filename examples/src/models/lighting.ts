// Lighting
//
// Takes the light out of an image before the network sees it. The good way is `normalise`:
// subtract the image's own mean, divide by its own contrast. The way of `parts:v3` is a lookup
// table measured in the lab; its story is told in `parts-models.ts`.

/** Keeps the division finite on an image of one grey. */
export const varianceFloor = 1e-4

/** The image with mean 0 and contrast 1, whatever the light was. */
export function normalise(image: Float32Array): Float32Array {
  const { mean, deviation } = lightOf(image)
  return image.map((value) => (value - mean) / deviation)
}

/** What to subtract from an image and multiply it with, for each step of mean brightness. */
export interface LightingTable {
  readonly offsets: Float32Array
  readonly gains: Float32Array
}

/** Steps of brightness between black (0) and white (1). */
export const brightnessSteps = 128

/** Rows of the table: images brighter than 68/128 have none; the lab's lamp stays below 60. */
export const tableRows = 68

/** Measures a table on images; a row that no image falls into keeps offset 0 and gain 1. */
export function measureLightingTable(images: readonly Float32Array[]): LightingTable {
  const offsets = new Float32Array(tableRows)
  const gains = new Float32Array(tableRows).fill(1)
  const lights = images.map(lightOf)
  for (let row = 0; row < tableRows; row++) {
    const seen = lights.filter(({ mean }) => rowOf(mean) === row)
    if (seen.length === 0) continue
    offsets[row] = average(seen.map(({ mean }) => mean))
    gains[row] = 1 / average(seen.map(({ deviation }) => deviation))
  }
  return { offsets, gains }
}

/** The image corrected by its row of the table, or null where the table has no such row. */
export function correctByTable(table: LightingTable, image: Float32Array): Float32Array | null {
  const row = rowOf(lightOf(image).mean)
  const offset = table.offsets[row]
  const gain = table.gains[row]
  if (offset === undefined || gain === undefined) return null
  return image.map((value) => (value - offset) * gain)
}

function lightOf(image: Float32Array): { readonly mean: number; readonly deviation: number } {
  const mean = average(image)
  const variance = average(image.map((value) => (value - mean) ** 2))
  return { mean, deviation: Math.sqrt(variance + varianceFloor) }
}

function rowOf(brightness: number): number {
  return Math.floor(brightness * brightnessSteps)
}

function average(values: Float32Array | readonly number[]): number {
  let sum = 0
  for (const value of values) sum += value
  return sum / values.length
}
