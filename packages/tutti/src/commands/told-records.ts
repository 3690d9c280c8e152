// Told records
//
// Which records a list of a gateway has told, so that one that is asked for anew, as who gave it was killed, tells what it
// has not, and nothing of before it began.

import { z } from 'zod'

const idsMax = 10_000
const told = z.looseObject({ id: z.string(), atMs: z.number() })

/** Lives as long as a command that follows; written by `isNew`. */
export class ToldRecords {
  readonly #ids = new Set<string>()
  #oldestMs = Infinity

  get isEmpty(): boolean {
    return this.#ids.size === 0
  }

  /** Of a list that is asked for anew; all that the first one says is. */
  isNew(line: string, isAgain: boolean): boolean {
    const { data } = told.safeParse(JSON.parse(line))
    if (data === undefined) return true // of a gateway that tells them otherwise
    if (isAgain && (this.#ids.has(data.id) || data.atMs < this.#oldestMs)) return false
    this.#oldestMs = Math.min(this.#oldestMs, data.atMs)
    this.#ids.add(data.id)
    const [first] = this.#ids
    if (this.#ids.size > idsMax && first !== undefined) this.#ids.delete(first)
    return true
  }
}
