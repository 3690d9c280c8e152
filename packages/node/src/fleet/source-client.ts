// Source client
//
// What a node asks so that it can share files with its site: the control plane for piece digests and orders,
// peers for bytes. It trusts none of them with the result: pieces and files are hashed by `fetchShared`.

import type { KeyObject } from 'node:crypto'
import {
  type PieceList,
  peerProofText,
  pieceList,
  type SourceAsk,
  type SourceOrder,
  sourceOrder,
} from '@tutti/core/fleet'
import { signingPrefix } from '@tutti/core/resource'
import { signText } from '@tutti/ledger'
import { Agent, request } from '@tutti/machine/http-client'
import { Failure } from '../failure.ts'
import type { BlobSource } from './blob-wish.ts'
import { downloadRange } from './download-range.ts'
import { parsePeerUrl, peerGuards, reachOf } from './peer-address.ts'

export type PeerOrder = Extract<SourceOrder, { kind: 'peer' }>

export interface ByteRange {
  readonly start: number
  readonly end: number
}

export interface RangeWatch {
  readonly signal: AbortSignal
  readonly onBytes: (bytes: number) => void
}

export interface FromPeer extends ByteRange, RangeWatch {
  readonly order: PeerOrder
}

/** The two ends that one shared download talks to. */
export interface SourceClient {
  /** null: this control plane knows no sharing, or not for this file. */
  readonly pieces: (digest: string, signal: AbortSignal) => Promise<PieceList | null>
  readonly ask: (digest: string, ask: SourceAsk, signal: AbortSignal) => Promise<SourceOrder>
  /** Appends bytes of the origin. */
  readonly fromOrigin: (part: string, digest: string, of: ByteRange & RangeWatch) => Promise<void>
  /** Appends bytes of a peer that an order names. */
  readonly fromPeer: (part: string, digest: string, of: FromPeer) => Promise<void>
}

const connectMs = 3_000 // a neighbour answers in milliseconds, or not at all
const askMs = 30_000 // the control plane holds an ask for ten seconds
const peerBytesPerMs = 64 // slower than 64 KB/s, and another neighbour is faster
const peerMsMin = 20_000

/** How peers are reached, kept for a node's life: its connections to them are used again. */
export interface PeerLine {
  readonly key: KeyObject
  readonly agent: Agent
  readonly reach: ReturnType<typeof reachOf>
}

export function openPeerLine(key: KeyObject, controlPlaneUrl: string): PeerLine {
  const reach = reachOf(controlPlaneUrl)
  const connect = { timeout: connectMs, lookup: peerGuards[reach].lookup }
  return { key, reach, agent: new Agent({ connect, connections: 2, pipelining: 1 }) }
}

export function openSourceClient(source: BlobSource, line: PeerLine): SourceClient {
  const authorization = `Bearer ${source.bearer}`
  return {
    pieces: async (digest, signal) => {
      const answer = await request(`${source.url}/${digest}/pieces`, {
        ...{ headers: { authorization }, headersTimeout: askMs, bodyTimeout: askMs, signal },
      })
      const parsed = pieceList.safeParse(await answer.body.json().catch(() => null))
      if (answer.statusCode === 403 || answer.statusCode === 404) return null
      if (answer.statusCode === 200 && parsed.success) return parsed.data
      throw new Failure('node/fetch-failed', `no pieces of ${digest}: ${answer.statusCode}`)
    },
    ask: async (digest, ask, signal) => {
      const answer = await request(`${source.url}/${digest}/source`, {
        ...{ method: 'POST', body: JSON.stringify(ask), signal },
        headers: { authorization, 'content-type': 'application/json' },
        ...{ headersTimeout: askMs, bodyTimeout: askMs },
      })
      const parsed = sourceOrder.safeParse(await answer.body.json().catch(() => null))
      if (answer.statusCode === 200 && parsed.success) return parsed.data
      throw new Failure('node/fetch-failed', `no order for ${digest}: ${answer.statusCode}`)
    },
    fromOrigin: (part, digest, { start, end, ...watch }) =>
      downloadRange(part, {
        ...{ url: `${source.url}/${digest}`, headers: { authorization }, name: digest },
        ...{ start, end, range: rangeOf({ start, end }), ...watch },
      }),
    fromPeer: async (part, digest, { order, start, end, signal, onBytes }) => {
      const range = rangeOf({ start, end })
      const proof = signText(line.key, signingPrefix.peerProof, peerProofText(order.grant, range))
      const limitMs = peerMsMin + Math.ceil((end - start) / peerBytesPerMs)
      await downloadRange(part, {
        url: `${parsePeerUrl(order.url, line.reach)}/peer/v1/blobs/${digest}`,
        headers: { authorization: `Tutti-Peer ${order.grant}`, 'x-tutti-proof': proof },
        ...{ start, end, range, name: `${digest} of ${order.node}`, onBytes },
        ...{ dispatcher: line.agent },
        signal: AbortSignal.any([signal, AbortSignal.timeout(limitMs)]),
      })
    },
  }
}

function rangeOf({ start, end }: ByteRange): string {
  return `bytes=${start}-${end - 1}`
}
