// Take back
//
// Responses whose callers were told that they are not kept, and that may be: an answer of the control plane that was lost,
// or came too late, may have been that they are. Asked for until it is heard that one is gone; where there was nothing, a
// few times more, since what was on its way may come after. A gateway that ends knows of them no more, so that each stands
// in its log.

import { setTimeout as delay } from 'node:timers/promises'
import type { ResponseKey, ResponseStore } from '@tutti/core/routing'

export interface TakeBackPorts {
  readonly store: Pick<ResponseStore, 'delete'>
  readonly log: (event: string, fields: Readonly<Record<string, unknown>>) => void
  readonly wait: (ms: number) => Promise<unknown>
}

// Two names each; a control plane that is away for an hour may leave as many.
const pendingMax = 10_000
const waitMsMin = 1_000
const waitMsMax = 60_000
const emptyMax = 5 // over half a minute; what is on its way is given up after five seconds

/** Keeps no process alive. */
export function unheldWait(ms: number): Promise<unknown> {
  return delay(ms, undefined, { ref: false })
}

export class TakeBack {
  readonly #ports: TakeBackPorts
  /** Written by `take`. */
  #pending = 0

  constructor(ports: TakeBackPorts) {
    this.#ports = ports
  }

  /** Ends once nothing is kept under the key, as far as anybody can hear. */
  async take({ project, id }: ResponseKey): Promise<void> {
    const { store, log, wait } = this.#ports
    if (this.#pending >= pendingMax) return log('a response may be kept', { id, error: 'too many' })
    this.#pending += 1
    let waitMs = waitMsMin
    let empty = 0
    let isSaid = false
    while (empty < emptyMax) {
      try {
        if (await store.delete({ project, id })) break
        empty += 1
      } catch (error) {
        if (!isSaid) log('a response may be kept', { id, error: String(error) })
        isSaid = true
      }
      if (empty < emptyMax) await wait(waitMs)
      waitMs = Math.min(2 * waitMs, waitMsMax)
    }
    this.#pending -= 1
  }
}
