// Compare answers
//
// How alike two answers to the same request are: what a shadow is judged by. Contents are compared and not kept.

export interface Likeness {
  readonly isSame: boolean
  /** Of texts the share of words that both have (Jaccard), of values how near they are; 0 to 1. */
  readonly similarity: number
}

/** What a model that says no words gave: its outputs, or vectors, by their names. */
export type Outputs = ReadonlyMap<string, readonly (string | number | boolean | null)[]>

const comparedMax = 65_536 // characters: beyond, answers are told apart by what came before

export function compareAnswers(live: string, shadow: string): Likeness {
  if (live === shadow) return { isSame: true, similarity: 1 }
  const one = wordsOf(live)
  const other = wordsOf(shadow)
  let both = 0
  for (const word of one) if (other.has(word)) both += 1
  const all = one.size + other.size - both
  return { isSame: false, similarity: all === 0 ? 1 : both / all }
}

/** Outputs of names that only one of them has are as unlike as can be. */
export function compareOutputs(live: Outputs, shadow: Outputs): Likeness {
  const names = [...new Set([...live.keys(), ...shadow.keys()])]
  const nearness = names.map((name) => nearnessOf(live.get(name) ?? [], shadow.get(name) ?? []))
  const isSame = nearness.every((one) => one === 1)
  return { isSame, similarity: nearness.reduce((sum, one) => sum + one, 0) / (names.length || 1) }
}

/**
 * 1 for the same values alone. Of numbers 1 less their differences, as a share of what they are
 * (Bray and Curtis): 1.1 and 1 are nearer than 0.1 and 0. Of others the share that is equal.
 */
function nearnessOf(one: readonly unknown[], other: readonly unknown[]): number {
  if (one.length !== other.length) return 0
  const pairs = one.map((value, place) => [value, other[place]] as const)
  const areSame = pairs.every(([a, b]) => a === b)
  if (areSame) return 1
  let apart = 0
  let whole = 0
  for (const [a, b] of pairs) {
    const areNumbers = typeof a === 'number' && typeof b === 'number'
    apart += areNumbers ? Math.abs(a - b) : a === b ? 0 : 1
    whole += areNumbers ? Math.abs(a) + Math.abs(b) : 1
  }
  if (!Number.isFinite(whole)) return 0 // beyond what can be added up
  // What is this near is still not the same.
  return Math.min(1 - Number.EPSILON, 1 - apart / whole)
}

function wordsOf(text: string): Set<string> {
  const words = text
    .slice(0, comparedMax)
    .toLowerCase()
    .match(/[\p{L}\p{N}]+/gu)
  return new Set(words ?? [])
}
