// Watch
//
// One clock for all attempts of a gateway: a timer for each phase of each would be half of what an attempt costs. It
// looks every 20 ms, so that whoever is late hears of it by so much later.

export interface Watched {
  /** Told the time while it is watched. */
  readonly tick: (nowMs: number) => void
  /** Where it stands among those watched; -1: it is not. Written by the watch alone. */
  watchPlace: number
}

const tickMs = 20 // the shortest time limit that anybody sets is a few times as long

export class Watch {
  /**
   * In no order; written by `add` and `remove`. A Set of so many comings and goings is made anew
   * all the time, each old one leading to the next and keeping what is long over from being
   * forgotten: 4 KB of every request.
   */
  readonly #watched: Watched[] = []
  #timer: NodeJS.Timeout | null = null

  nowMs(): number {
    return performance.now()
  }

  add(watched: Watched): void {
    watched.watchPlace = this.#watched.push(watched) - 1
    this.#timer ??= setInterval(() => this.#tick(), tickMs)
  }

  remove(watched: Watched): void {
    const { watchPlace } = watched
    if (watchPlace === -1) return
    watched.watchPlace = -1
    const last = this.#watched.pop()
    if (last === undefined || last === watched) return
    last.watchPlace = watchPlace
    this.#watched[watchPlace] = last
  }

  stop(): void {
    if (this.#timer !== null) clearInterval(this.#timer)
    this.#timer = null
  }

  #tick(): void {
    if (this.#watched.length === 0) return this.stop() // nobody is asked: nothing to look at
    const nowMs = this.nowMs()
    // From the end on: whoever goes is replaced by one that was looked at already.
    for (let place = this.#watched.length - 1; place >= 0; place--) {
      this.#watched[place]?.tick(nowMs)
    }
  }
}
