// Standing
//
// What this gateway tells its control plane of itself, where it is news: which snapshot it serves from, and why it did not
// take in the last one.

import type { GatewayStanding } from '@tutti/core/routing'
import { request } from '@tutti/machine/http-client'

export interface StandingOptions {
  readonly url: string
  readonly key: string
  /** As the stream of snapshots says it. */
  readonly id: string
  readonly signal: AbortSignal
}

const answerMsMax = 5_000
const reasonMax = 2_000 // characters

export class Standing {
  readonly #options: StandingOptions
  #wanted = '' // written by `tell`
  /** What is known there; written by `#catchUp` and `forget`. */
  #told = ''
  #isTelling = false // written by `#catchUp`

  constructor(options: StandingOptions) {
    this.#options = options
  }

  /** Whoever answers now may not know it. */
  forget(): void {
    this.#told = ''
  }

  /** What could not be told is told with the next call: one comes with each line of the stream. */
  tell({ sequence, refused }: Omit<GatewayStanding, 'gateway'>): void {
    const reason = refused === null ? null : refused.slice(0, reasonMax)
    this.#wanted = JSON.stringify({ gateway: this.#options.id, sequence, refused: reason })
    if (this.#wanted !== this.#told && !this.#isTelling) void this.#catchUp()
  }

  async #catchUp(): Promise<void> {
    this.#isTelling = true
    try {
      while (this.#wanted !== this.#told) {
        const said = this.#wanted
        this.#told = said // unless it is forgotten meanwhile
        await this.#post(said)
      }
    } catch {
      this.#told = ''
    } finally {
      this.#isTelling = false
    }
  }

  /** One of before, which takes no such thing, counts as told. */
  async #post(said: string): Promise<void> {
    const { url, key, signal } = this.#options
    const { statusCode, body } = await request(`${url}/api/v1/gateways`, {
      method: 'POST',
      headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
      body: said,
      signal: AbortSignal.any([signal, AbortSignal.timeout(answerMsMax)]),
    })
    await body.dump()
    if (statusCode >= 500 || statusCode === 429) throw new Error(`${statusCode}`)
  }
}
