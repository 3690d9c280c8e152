// Run places
//
// Where in a text something long may start that is written in one piece. Most texts have few such pieces: to look at every
// `lengthMin`th character finds them all.

const backslash = 0x5c

export interface Run {
  /** The shortest that counts. */
  readonly lengthMin: number
  /** Tells the characters that it consists of. */
  readonly mayHold: (code: number) => boolean
  /** Tells the characters that it may start with. */
  readonly mayStart: (code: number) => boolean
  /** Tells the characters behind which nothing starts, unless a backslash stands before them. */
  readonly joins: (code: number) => boolean
}

/** For `places` of a detector: in each run of characters, every place where something starts. */
export function runPlaces(run: Run): (text: string, from: number) => readonly number[] {
  const { lengthMin, mayHold, mayStart, joins } = run
  return (text, from) => {
    const places: number[] = []
    let at = from + lengthMin - 1
    while (at < text.length) {
      if (!mayHold(text.charCodeAt(at))) {
        at += lengthMin
        continue
      }
      let start = at
      let end = at + 1
      while (start > from && mayHold(text.charCodeAt(start - 1))) start -= 1
      while (end < text.length && mayHold(text.charCodeAt(end))) end += 1
      for (let place = start; place <= end - lengthMin; place++) {
        if (!mayStart(text.charCodeAt(place))) continue
        const isJoined = place > start && joins(text.charCodeAt(place - 1))
        if (!isJoined || text.charCodeAt(place - 2) === backslash) places.push(place)
      }
      at = end + lengthMin
    }
    return places
  }
}
