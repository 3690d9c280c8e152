// Greet
//
// Who is at the other end of a new connection: challenge and response, both ways. Nothing that a
// connection says counts before its signature over our nonce has been verified (H1).

import { randomBytes } from 'node:crypto'
import {
  type NodeSpec,
  protocolVersion,
  type ToControlPlane,
  type ToNode,
  toControlPlane,
} from '@tutti/core/fleet'
import { signingPrefix } from '@tutti/core/resource'
import { verifyText } from '@tutti/ledger'
import type { Clock } from '@tutti/machine'
import type { Link } from './link.ts'

/** What a node must know of its own resource. */
export type DeclaredNode = Pick<NodeSpec, 'labels' | 'cordoned'>

export type Hello = Extract<ToControlPlane, { type: 'hello' }> & {
  readonly declared: DeclaredNode
}

export interface GreetPorts {
  readonly clock: Clock
  /** The spec of the Node resource, or null where there is none. */
  readonly loadNode: (name: string) => Promise<NodeSpec | null>
  /** Told of a connection that did not prove to be the node it names. */
  readonly onImpostor: (node: string) => void
}

const helloMs = 10_000

/** The proven hello; null where there was none: the link is closed then. */
export async function greet(ports: GreetPorts, link: Link): Promise<Hello | null> {
  const nonce = randomBytes(24).toString('base64url')
  const first = firstFrame(ports.clock, link)
  send(link, { type: 'challenge', nonce, protocol: protocolVersion })
  const frame = await first
  const hello = frame === null ? null : parseFrame(frame)
  if (hello?.type !== 'hello') return refuse(link, 'expected a hello within 10 s')
  if (hello.protocol !== protocolVersion) {
    const ours = `this control plane speaks protocol ${protocolVersion}`
    return refuse(link, `${ours}, not ${hello.protocol}`)
  }
  const spec = await ports.loadNode(hello.node)
  const signed = { text: `${nonce}\n${hello.nonce}`, signature: hello.signature }
  if (spec === null || !verifyText(spec.publicKey, signingPrefix.hello, signed)) {
    ports.onImpostor(hello.node) // H1
    return refuse(link, `not the node ${hello.node}: unknown here, removed, or another key`)
  }
  return { ...hello, declared: declaredOf(spec) }
}

export function declaredOf({ labels, cordoned }: DeclaredNode): DeclaredNode {
  return { labels: { ...labels }, cordoned }
}

function firstFrame(clock: Clock, link: Link): Promise<string | null> {
  return new Promise((resolve) => {
    const forget = clock.schedule(helloMs, () => resolve(null))
    const end = (frame: string | null) => {
      forget()
      resolve(frame)
    }
    link.onFrame(end) // until the hub listens; a second frame before that changes nothing
    link.onClose(() => end(null))
  })
}

function refuse(link: Link, reason: string): null {
  if (link.isOpen()) {
    send(link, { type: 'retry', afterMs: 30_000, reason })
    link.close(1008)
  }
  return null
}

/** A frame of the protocol, or null. */
export function parseFrame(text: string): ToControlPlane | null {
  try {
    const parsed = toControlPlane.safeParse(JSON.parse(text))
    return parsed.success ? parsed.data : null
  } catch {
    return null // not JSON: the caller closes the connection
  }
}

export function send(link: Link, message: ToNode): void {
  if (link.isOpen()) link.send(JSON.stringify(message))
}
