// Relays
//
// Keeps a link to every gateway that there is, as the control plane lists them. While the control plane is
// away the links stay as they are, and come back by themselves (I3).

import type { Duplex } from 'node:stream'
import { relayList } from '@tutti/core/routing'
import type { Clock } from '@tutti/machine'
import { request } from '@tutti/machine/http-client'
import { RelayLink } from './relay-link.ts'

export interface RelaysPorts {
  readonly clock: Clock
  readonly sign: (prefix: string, text: string) => string
  readonly serve: (connection: Duplex) => void
  readonly log: (event: string, fields: Readonly<Record<string, unknown>>) => void
}

/** The control plane while connected. */
export interface RelaySource {
  readonly url: string
  readonly bearer: string
}

const askMs = 10_000
const answerMsMax = 10_000

export class Relays {
  readonly #ports: RelaysPorts
  /** By the gateway's URL; `#take` writes. */
  readonly #links = new Map<string, RelayLink>()
  #grant = ''
  #source: RelaySource | null = null
  #forget: () => void = () => {}

  constructor(ports: RelaysPorts) {
    this.#ports = ports
  }

  /** Connected to the control plane, or (null) not any more. */
  use(source: RelaySource | null): void {
    this.#source = source
    this.#forget()
    if (source !== null) this.#ask(source)
  }

  stop(): void {
    this.use(null)
    for (const link of this.#links.values()) link.stop()
    this.#links.clear()
  }

  #ask(source: RelaySource): void {
    this.#forget = this.#ports.clock.schedule(askMs, () => this.#ask(source))
    this.#list(source).catch((thrown: unknown) => {
      if (this.#source !== source) return
      this.#ports.log('gateways that relay are not known', { reason: String(thrown) })
    })
  }

  async #list(source: RelaySource): Promise<void> {
    const { statusCode, body } = await request(`${source.url}/api/v1/relays`, {
      headers: { authorization: `Bearer ${source.bearer}` },
      ...{ headersTimeout: answerMsMax, bodyTimeout: answerMsMax },
    })
    const parsed = relayList.safeParse(await body.json().catch(() => null))
    if (this.#source !== source) return // another connection has taken over
    if (statusCode !== 200 || !parsed.success) throw new Error(`the answer was ${statusCode}`)
    this.#grant = parsed.data.grant
    this.#take(new Set(parsed.data.urls))
  }

  #take(urls: ReadonlySet<string>): void {
    for (const url of urls) {
      if (this.#links.has(url)) continue
      const { sign, serve, log } = this.#ports
      this.#links.set(url, new RelayLink({ url, grant: () => this.#grant, sign, serve, log }))
    }
    // A control plane that has just started hears of its gateways a little later than of its nodes.
    if (urls.size === 0) return
    for (const [url, link] of this.#links) {
      link.want(urls.has(url)) // one that stops still sends what is on its way
      if (!link.isThere) this.#links.delete(url)
    }
  }
}
