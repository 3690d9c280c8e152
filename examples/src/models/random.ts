// Random
//
// Chance that is the same on every machine: parts, series and first weights are drawn from a seed,
// so that the same sources always make the same model files.

/** Returns the next number in [0, 1). */
export type Random = () => number

/** The mulberry32 generator: 32 bits of state, integer arithmetic only. */
export function seededRandom(seed: number): Random {
  let state = seed | 0
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}

/** A range to draw from, both ends included for all that matters. */
export type Range = readonly [least: number, greatest: number]

export function drawUniform(random: Random, [least, greatest]: Range): number {
  return least + (greatest - least) * random()
}

/** Roughly normal with variance 1: a sum of four uniform numbers, without log and cosine. */
export function drawNormal(random: Random): number {
  return (random() + random() + random() + random() - 2) * Math.sqrt(3)
}

/** The numbers 0 to count - 1 in random order (Fisher and Yates). */
export function drawOrder(random: Random, count: number): Int32Array {
  const order = Int32Array.from({ length: count }, (_, i) => i)
  for (let i = count - 1; i > 0; i--) {
    const j = Math.floor(random() * (i + 1))
    const swapped = order[i] ?? 0
    order[i] = order[j] ?? 0
    order[j] = swapped
  }
  return order
}
