// Connection
//
// The node's one outbound WebSocket. It proves who the node is, makes the control plane prove the same,
// and comes back by itself with growing, jittered pauses, or after the pause that the control plane asked for.

import { type KeyObject, randomBytes } from 'node:crypto'
import { protocolVersion, type ToControlPlane, type ToNode, toNode } from '@tutti/core/fleet'
import { signingPrefix } from '@tutti/core/resource'
import { signText, verifyText } from '@tutti/ledger'
import type { Clock } from '@tutti/machine'
import type { Dial, Wire } from './wire.ts'

export interface ConnectionPorts {
  readonly dial: Dial
  readonly clock: Clock
  /** A number from 0 to below 1. */
  readonly chance: () => number
  readonly url: string
  readonly node: string
  readonly key: KeyObject
  /** did:key that the control plane must prove to hold. */
  readonly controlPlane: string
  readonly checkpointSize: () => number
  readonly onWelcome: (welcome: Extract<ToNode, { type: 'welcome' }>) => void
  readonly onMessage: (message: ToNode) => void
  readonly onDown: (reason: string) => void
}

type ConnectionState =
  | { readonly phase: 'closed' }
  | { readonly phase: 'waiting'; readonly forget: () => void }
  | { readonly phase: 'connecting'; readonly wire: Wire; readonly nonce: string }
  | { readonly phase: 'up'; readonly wire: Wire }
  | { readonly phase: 'stopped' }

const pauseMsMin = 150 // a control plane that is just starting is met at once
const pauseMsMax = 30_000
// four pings without an answer; the control plane's frames are signs of life as well
const silenceMs = 60_000

export class Connection {
  readonly #ports: ConnectionPorts
  /** Written by `#setState` alone. */
  #state: ConnectionState = { phase: 'closed' }
  /** Attempts in a row that failed; `#down` and `#welcomed` write. */
  #failures = 0
  /** A pause that the control plane asked for; used once. */
  #askedPauseMs: number | null = null
  /** Why this connection will end, where that is known before it does; used once. */
  #whyEnding: string | null = null
  /** Why the last one ended, as it was told; null where it was up since. */
  #toldWhy: string | null = null

  constructor(ports: ConnectionPorts) {
    this.#ports = ports
  }

  /** Begins to connect, and does for as long as it is not stopped. */
  open(): void {
    if (this.#state.phase !== 'closed') return
    const forget = this.#ports.clock.schedule(0, () => this.#connect())
    this.#state = { phase: 'waiting', forget }
  }

  get isUp(): boolean {
    return this.#state.phase === 'up'
  }

  /** Sends where connected; false where not. */
  send(message: ToControlPlane): boolean {
    if (this.#state.phase !== 'up') return false
    this.#state.wire.send(JSON.stringify(message))
    return true
  }

  stop(): void {
    const last = this.#state
    this.#state = { phase: 'stopped' }
    if (last.phase === 'waiting') last.forget()
    if (last.phase === 'connecting' || last.phase === 'up') last.wire.terminate()
  }

  #connect(): void {
    const { clock, dial, url } = this.#ports
    let lastHeardMs = clock.steadyMs()
    const heard = () => {
      lastHeardMs = clock.steadyMs()
    }
    const watch = (wire: Wire) => {
      // half-open: nobody is there
      if (clock.steadyMs() - lastHeardMs > silenceMs) wire.terminate()
      else wire.ping()
      return clock.schedule(silenceMs / 4, () => {
        forget = watch(wire)
      })
    }
    const wire = dial(`${url.replace(/^http/, 'ws')}/api/v1/connect`, {
      onLife: heard,
      onFrame: (frame) => {
        heard()
        this.#receive(frame)
      },
      onClose: (reason) => {
        forget()
        this.#down(reason)
      },
    })
    let forget = clock.schedule(silenceMs / 4, () => {
      forget = watch(wire)
    })
    this.#state = { phase: 'connecting', wire, nonce: randomBytes(24).toString('base64url') }
  }

  #receive(text: string): void {
    if (this.#state.phase !== 'connecting' && this.#state.phase !== 'up') return
    const message = parseFrame(text)
    if (message === null) return this.#end('it says what is not of this protocol') // start over
    if (message.type === 'retry') {
      this.#askedPauseMs = message.afterMs
      this.#whyEnding = `the control plane refused: ${message.reason}`
      return
    }
    if (this.#state.phase === 'connecting') this.#handshake(this.#state, message)
    else this.#ports.onMessage(message)
  }

  #handshake(
    { wire, nonce }: Extract<ConnectionState, { phase: 'connecting' }>,
    message: ToNode,
  ): void {
    const { node, key, controlPlane, checkpointSize } = this.#ports
    if (message.type === 'challenge') {
      const signature = signText(key, signingPrefix.hello, `${message.nonce}\n${nonce}`)
      const hello: ToControlPlane = {
        type: 'hello',
        protocol: protocolVersion,
        ...{ node, nonce, signature },
        checkpointSize: checkpointSize(),
      }
      wire.send(JSON.stringify(hello))
      return
    }
    const proves =
      message.type === 'welcome' &&
      verifyText(controlPlane, signingPrefix.welcome, { text: nonce, signature: message.signature })
    if (!proves || message.type !== 'welcome') {
      return this.#end('whoever is there is not the control plane that this node joined')
    }
    this.#failures = 0
    this.#toldWhy = null
    this.#state = { phase: 'up', wire }
    this.#ports.onWelcome(message)
  }

  #end(why: string): void {
    const last = this.#state
    if (last.phase !== 'connecting' && last.phase !== 'up') return
    this.#whyEnding = why
    last.wire.terminate()
  }

  #down(seen: string): void {
    if (this.#state.phase === 'stopped') return
    this.#failures += 1
    const backOffMs = Math.min(pauseMsMax, pauseMsMin * 2 ** Math.min(10, this.#failures - 1))
    const pauseMs = this.#askedPauseMs ?? backOffMs * (0.5 + this.#ports.chance() / 2)
    this.#askedPauseMs = null
    const forget = this.#ports.clock.schedule(pauseMs, () => this.#connect())
    this.#state = { phase: 'waiting', forget }
    const why = this.#whyEnding ?? seen
    this.#whyEnding = null
    if (why === this.#toldWhy) return // as it was
    this.#toldWhy = why
    this.#ports.onDown(why)
  }
}

function parseFrame(text: string): ToNode | null {
  try {
    const parsed = toNode.safeParse(JSON.parse(text))
    return parsed.success ? parsed.data : null
  } catch {
    return null // not JSON: the caller ends the connection
  }
}
