// Watch
//
// One clock for all attempts of a gateway: a timer for each phase of each would be half of what an attempt costs. It
// looks every 20 ms, so that whoever is late hears of it by so much later.

export interface Watched {
  /** Told the time while it is watched. */
  readonly tick: (nowMs: number) => void
}

const tickMs = 20 // the shortest time limit that anybody sets is a few times as long

export class Watch {
  /** Written by `add` and `remove`. */
  readonly #watched = new Set<Watched>()
  #timer: NodeJS.Timeout | null = null

  nowMs(): number {
    return performance.now()
  }

  add(watched: Watched): void {
    this.#watched.add(watched)
    this.#timer ??= setInterval(() => this.#tick(), tickMs)
  }

  remove(watched: Watched): void {
    this.#watched.delete(watched)
  }

  stop(): void {
    if (this.#timer !== null) clearInterval(this.#timer)
    this.#timer = null
  }

  #tick(): void {
    if (this.#watched.size === 0) return this.stop() // nobody is asked: nothing to look at
    const nowMs = this.nowMs()
    for (const watched of this.#watched) watched.tick(nowMs)
  }
}
