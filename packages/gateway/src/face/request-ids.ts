// Request ids
//
// Unlike those of any other start by chance, unlike each other by count: chance for each would cost ten times as much.

import { randomBytes } from 'node:crypto'

export class RequestIds {
  readonly #prefix = randomBytes(9).toString('base64url')
  /** Written by `next`. */
  #count = 0

  next(): string {
    this.#count += 1
    return `req_${this.#prefix}${this.#count.toString(36)}`
  }
}
