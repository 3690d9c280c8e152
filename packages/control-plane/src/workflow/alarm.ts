// Alarm
//
// Rings at the earliest of the times for which it was set; a ring that fails is made up for.

export interface AlarmPorts {
  readonly ring: () => Promise<void>
  readonly nowMs: () => number
  readonly onTrouble: (what: string, error: unknown) => void
}

const againMs = 1_000
const delayMsMax = 2 ** 31 - 1 // of a timer; who is woken too early finds nothing

export class Alarm {
  readonly #ports: AlarmPorts
  /** Written by `set`, and when it rings. */
  #next: { readonly atMs: number; readonly timer: NodeJS.Timeout } | null = null
  #isStopped = false

  constructor(ports: AlarmPorts) {
    this.#ports = ports
  }

  set(atMs: number): void {
    if (this.#isStopped || (this.#next !== null && this.#next.atMs <= atMs)) return
    clearTimeout(this.#next?.timer)
    const { ring, nowMs, onTrouble } = this.#ports
    const delayMs = Math.max(0, Math.min(atMs - nowMs(), delayMsMax))
    const timer = setTimeout(() => {
      this.#next = null
      ring().catch((error: unknown) => {
        onTrouble('a sweep failed and is tried again', error)
        this.set(nowMs() + againMs)
      })
    }, delayMs)
    this.#next = { atMs, timer }
  }

  stop(): void {
    this.#isStopped = true
    clearTimeout(this.#next?.timer)
  }
}
