// Under way
//
// The requests that somebody still works on. One whose caller has gone, or was cut, has yet to be settled: what it took is
// in nobody's account before that.

import { pause } from '@tutti/machine'

export class UnderWay {
  #count = 0
  /** Called once there is none. */
  #over = () => {}

  /** `failed` hears of what was thrown. */
  add(answering: Promise<void>, failed: (error: unknown) => void): void {
    this.#count += 1
    answering.then(this.#end, (error: unknown) => {
      failed(error)
      this.#end()
    })
  }

  /** Resolves once there is none, or after so long. */
  async settled(ms: number): Promise<void> {
    if (this.#count === 0) return
    const over = new AbortController()
    this.#over = () => over.abort()
    await pause(ms, over.signal)
  }

  readonly #end = () => {
    this.#count -= 1
    if (this.#count === 0) this.#over()
  }
}
