// Turns
//
// Long requests one after the other, a few milliseconds of them in each turn of the event loop: thirty that have come at
// once would else hold up everybody for as long as all of them take together.
//
// Invariants:
//   Q1. In each turn of the event loop those who wait go on for `turnMs`, and one request more, in the order in which
//       they came.

const turnMs = 3 // of the five that nobody is held up for

export class Turns {
  /** As many as there are connections with a long request; written by `take` and `#run`. */
  readonly #waiting: (() => void)[] = []
  readonly #nowMs: () => number
  #isRunning = false

  constructor(nowMs: () => number = () => performance.now()) {
    this.#nowMs = nowMs
  }

  take(): Promise<void> {
    return new Promise((resolve) => {
      this.#waiting.push(resolve)
      if (!this.#isRunning) void this.#run()
    })
  }

  async #run(): Promise<void> {
    this.#isRunning = true
    while (this.#waiting.length > 0) {
      await nextTurn()
      const untilMs = this.#nowMs() + turnMs
      do {
        this.#waiting.shift()?.()
        await undefined // what was waited for goes on first
      } while (this.#waiting.length > 0 && this.#nowMs() < untilMs) // Q1
    }
    this.#isRunning = false
  }
}

function nextTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve))
}
