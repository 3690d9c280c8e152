// Object end
//
// Where the text of a JSON object that comes in pieces may be over: its braces are counted as they come, so that it is read
// once and not with each piece.

const [quote, backslash, opening, closing] = [0x22, 0x5c, 0x7b, 0x7d]

/** Lives as long as one text; written by `take`. */
export class ObjectEnd {
  #depth = 0
  #isInString = false
  #isEscaped = false
  /** That the first brace found its like: what follows makes no object of it that it is not. */
  #isPast = false

  /** True for the piece that closes the object, and for no other. */
  take(piece: string): boolean {
    if (this.#isPast) return false
    for (let at = 0; at < piece.length; at++) {
      const code = piece.charCodeAt(at)
      if (this.#isEscaped) this.#isEscaped = false
      else if (this.#isInString && code === backslash) this.#isEscaped = true
      else if (code === quote) this.#isInString = !this.#isInString
      else if (!this.#isInString && code === opening) this.#depth += 1
      else if (!this.#isInString && code === closing) this.#depth -= 1
      if (code === closing && !this.#isInString && this.#depth <= 0) this.#isPast = true
    }
    return this.#isPast
  }
}
