// Gateway directory
//
// Gateways that are there: each says who it is, and under which URL it takes relays, with the stream of snapshots that it
// follows, and is listed as long as it follows. What it serves from it says beside it. Kept in memory: after a
// restart they say it again.

import type { GatewayHello, GatewayStanding } from '@tutti/core/routing'

/** What is known of one; of those of before nothing but their URL. */
export interface GatewayEntry extends Omit<GatewayStanding, 'gateway'> {
  readonly hello: GatewayHello | null
  readonly url: string | null
  readonly sinceMs: number
}

export interface GatewayDirectory {
  /** Lists a gateway until the answer is called. */
  readonly add: (of: Pick<GatewayEntry, 'hello' | 'url' | 'sinceMs'>) => () => void
  /** False where none of this id is listed. */
  readonly tell: (standing: GatewayStanding) => boolean
  readonly all: () => readonly GatewayEntry[]
  /** Where nodes that cannot be dialled may come to. */
  readonly urls: () => readonly string[]
}

const urlsMax = 64 // a node keeps a connection to each

export function openGatewayDirectory(): GatewayDirectory {
  const streams = new Map<symbol, GatewayEntry>() // `add` and `tell` write
  const all = () => [...streams.values()]
  return {
    add: (of) => {
      const stream = Symbol()
      streams.set(stream, { ...of, sequence: null, refused: null })
      return () => void streams.delete(stream)
    },
    tell: ({ gateway, sequence, refused }) => {
      // It may have come again before its last stream is known to have broken off.
      const own = [...streams].filter(([, { hello }]) => hello?.gateway === gateway)
      for (const [stream, entry] of own) streams.set(stream, { ...entry, sequence, refused })
      return own.length > 0
    },
    all: () => {
      const newest = new Map(all().map((entry) => [entry.hello?.gateway ?? entry, entry] as const))
      return [...newest.values()]
    },
    urls: () => {
      const urls = new Set(all().flatMap(({ url }) => url ?? []))
      return [...urls].slice(0, urlsMax)
    },
  }
}

/** The URL that a gateway says of itself; null where it is none that a node could dial. */
export function parseRelayUrl(text: string): string | null {
  if (!URL.canParse(text) || text.length > 256) return null
  const url = new URL(text)
  const isPlain = url.username === '' && url.password === '' && url.search === ''
  const isHttp = url.protocol === 'http:' || url.protocol === 'https:'
  return isPlain && isHttp ? text.replace(/\/$/, '') : null
}
