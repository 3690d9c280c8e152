// N-grams
//
// How a question becomes numbers: its characters one by one, and of those the runs of one to five that the questions of
// the training have in common. The model counts them itself; who asks it only gives the code points.

/** Code points that the model reads of a question; the longest of CLINC150 has 136. */
export const textWidth = 160
export const gramMax = 5
const rareMax = 2 // questions with a run that no other question has say nothing of the next one

/** The question in lower case between two spaces, which are where words begin and end. */
export function normalise(text: string): string {
  return ` ${text.toLowerCase()} `.slice(0, textWidth)
}

/** What the model reads: code points, and 0 where the question has ended. */
export function codePointsOf(text: string): Int32Array {
  const points = new Int32Array(textWidth)
  const said = normalise(text)
  for (let i = 0; i < said.length; i++) points[i] = said.charCodeAt(i)
  return points
}

export interface Vocabulary {
  /** Runs of characters, short ones first, each with its place. */
  readonly grams: ReadonlyMap<string, number>
  /** How much it says that a question has this run: rare ones say more. */
  readonly weights: Float32Array
}

/** The runs that more than `rareMax` questions have. */
export function readVocabulary(texts: readonly string[]): Vocabulary {
  const counts = new Map<string, number>()
  for (const text of texts) {
    for (const gram of countGrams(text).keys()) counts.set(gram, (counts.get(gram) ?? 0) + 1)
  }
  const kept = [...counts.keys()].filter((gram) => (counts.get(gram) ?? 0) > rareMax)
  kept.sort((a, b) => a.length - b.length || (a < b ? -1 : 1))
  const weight = (gram: string) => 1 + Math.log((1 + texts.length) / (1 + (counts.get(gram) ?? 0)))
  return {
    grams: new Map(kept.map((gram, place) => [gram, place])),
    weights: Float32Array.from(kept, weight),
  }
}

/** A question as a vector of length 1, without its zeros. */
export interface Features {
  readonly places: Int32Array
  readonly values: Float32Array
}

/** Log of how often, times the weight of the run, all divided by the vector's length. */
export function featuresOf({ grams, weights }: Vocabulary, text: string): Features {
  const places: number[] = []
  const values: number[] = []
  let square = 0
  for (const [gram, count] of countGrams(text)) {
    const place = grams.get(gram)
    if (place === undefined) continue
    const value = Math.log(1 + count) * (weights[place] ?? 0)
    places.push(place)
    values.push(value)
    square += value * value
  }
  const length = Math.sqrt(square) + tiny
  return {
    places: Int32Array.from(places),
    values: Float32Array.from(values, (value) => value / length),
  }
}

/** Added to lengths, here and in the graph: a question of which nothing is known has length 0. */
export const tiny = 1e-6

function countGrams(text: string): Map<string, number> {
  const said = normalise(text)
  const counts = new Map<string, number>()
  for (let size = 1; size <= gramMax; size++) {
    for (let start = 0; start + size <= said.length; start++) {
      const gram = said.slice(start, start + size)
      counts.set(gram, (counts.get(gram) ?? 0) + 1)
    }
  }
  return counts
}
