// Acting
//
// A step that is being done: what it knows of its run, and how it is told to stop. A signal is made only for
// those who look at it: it costs more than a step that does nothing.

import type { ActContext } from './act.ts'
import type { RunHead } from './run-head.ts'

export class Acting implements ActContext {
  readonly head: RunHead
  /** Made by `signal`. */
  #controller: AbortController | null = null
  /** Set by `abort`, and never back. */
  #isAborted = false

  constructor(head: RunHead) {
    this.head = head
  }

  get signal(): AbortSignal {
    this.#controller ??= new AbortController()
    if (this.#isAborted) this.#controller.abort()
    return this.#controller.signal
  }

  /** The outcome is no longer wanted. */
  abort(): void {
    this.#isAborted = true
    this.#controller?.abort()
  }
}
