// Jitter
//
// Chance that is the same each time a run is worked out again: it comes from the step's own key (FNV-1a).

/** A number from `low` up to `high`. */
export function jitterOf(seed: string, low: number, high: number): number {
  let hash = 0x811c9dc5
  for (let i = 0; i < seed.length; i++) {
    hash = Math.imul(hash ^ seed.charCodeAt(i), 0x01000193)
  }
  const mixed = Math.imul(hash ^ (hash >>> 15), 0x2c1b3c6d) >>> 0
  return low + (mixed / 2 ** 32) * Math.max(0, high - low)
}
