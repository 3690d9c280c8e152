// Refused keys
//
// Providers that do not take the key which they are given, or whose account is used up. Who runs the gateway reads in
// the log what they say; callers are told only that it is so: such answers show parts of keys, and name accounts.
//
// Invariants:
//   Y1. Of a Provider there is one line a minute at most, however many requests it refuses.

import type { FailedAttempt } from './failed-attempt.ts'

export interface RefusedKeysPorts {
  readonly log: (event: string, fields: Readonly<Record<string, unknown>>) => void
  readonly nowMs: () => number
}

/** By its Project and its name. */
export interface RefusingProvider {
  readonly project: string
  readonly name: string
}

const silenceMs = 60_000 // often enough for whoever looks, and no flood
const knownMax = 10_000 // a megabyte; more Providers than that are said again

export class RefusedKeys {
  readonly #ports: RefusedKeysPorts
  /** When each was last said; written by `note`. */
  readonly #saidMs = new Map<string, number>()

  constructor(ports: RefusedKeysPorts) {
    this.#ports = ports
  }

  /** By project and name: the next refusal is another one. */
  forget(account: string): void {
    this.#saidMs.delete(account)
  }

  note({ project, name }: RefusingProvider, { reason }: FailedAttempt): void {
    const { log, nowMs } = this.#ports
    const id = `${project}/${name}`
    const saidMs = this.#saidMs.get(id)
    if (saidMs !== undefined && nowMs() - saidMs < silenceMs) return // Y1
    if (this.#saidMs.size >= knownMax) this.#saidMs.clear()
    this.#saidMs.set(id, nowMs())
    log('a Provider refuses its key', { project, provider: name, reason })
  }
}

/** What callers are told of it. */
export function whyRefused({ name }: RefusingProvider, { error }: FailedAttempt): string {
  const isKey = error?.status === 401 || error?.status === 403
  return isKey ? `the Provider ${name} refused its key` : `the account at ${name} is used up`
}
