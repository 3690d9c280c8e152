// Compare answers
//
// How alike two answers to the same request are: what a shadow is judged by. Contents are compared and not kept.

export interface Likeness {
  readonly isSame: boolean
  /** Share of words that both have, 0 to 1 (Jaccard). */
  readonly similarity: number
}

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

function wordsOf(text: string): Set<string> {
  const words = text
    .slice(0, comparedMax)
    .toLowerCase()
    .match(/[\p{L}\p{N}]+/gu)
  return new Set(words ?? [])
}
