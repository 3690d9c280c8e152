// Source order
//
// What a node and the control plane say to each other about where the next bytes of a file come from, and
// what a node shows a peer to get them. The words only; `pickSource` decides.
//
//   node                                                control plane
//   GET  /api/v1/blobs/DIGEST/pieces                →   the digest of every piece
//   POST /api/v1/blobs/DIGEST/source {ask}          →   an order: these bytes, from there
//
//   node                                                peer
//   GET  /peer/v1/blobs/DIGEST  grant, proof, range →   206 and the bytes
//
// A piece's digest finds the peer that lies; whether a file is used is decided by the file's own digest.

import { z } from 'zod'
import { didKey, digest, dnsName } from '../resource/index.ts'

/** Files below this size come from the origin: asking about them costs as much as they do. */
export const sharedBytesMin = 262_144

const mebibyte = 1_048_576

/** How large the pieces of a file are: few enough to be listed, small enough to be lost. */
export function pieceBytesOf(sizeBytes: number): number {
  const share = Math.ceil(sizeBytes / 32 / mebibyte) * mebibyte
  return Math.min(64 * mebibyte, Math.max(mebibyte, share))
}

/** SHA-256 of every piece, in order; the last one may be shorter. */
export const pieceList = z.strictObject({
  pieceBytes: z.int().min(1),
  sizeBytes: z.int().min(0),
  digests: z.array(digest).max(65_536),
})
export type PieceList = z.infer<typeof pieceList>

export const sourceAsk = z.strictObject({
  /** Bytes on this node's disk, from the first on without a hole. */
  haveBytes: z.int().min(0),
  /** Those of them that it has checked, piece by piece, and would give to others. */
  offerBytes: z.int().min(0),
  /** Sources that did not do as ordered since the last ask. */
  failed: z
    .array(
      z.strictObject({
        node: dnsName,
        reason: z.enum(['unreachable', 'refused', 'wrong-bytes']),
      }),
    )
    .max(16)
    .default([]),
  /** True: still at the order it has, which must not lapse; it wants no other. */
  keep: z.boolean().default(false),
})
export type SourceAsk = z.infer<typeof sourceAsk>

const range = { start: z.int().min(0), end: z.int().min(1) }

export const sourceOrder = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('origin'), ...range }),
  z.strictObject({
    kind: z.literal('peer'),
    ...range,
    node: dnsName,
    /** The peer's endpoint, as it declared it: to be judged before it is called. */
    url: z.url().max(256),
    grant: z.string().max(4_096),
  }),
  /** Ask again: everybody who could give is busy. */
  z.strictObject({ kind: z.literal('wait'), afterMs: z.int().min(0) }),
  /** Nothing to fetch: the node has it all, or goes on with the order it has. */
  z.strictObject({ kind: z.literal('nothing') }),
])
export type SourceOrder = z.infer<typeof sourceOrder>

/** What a grant says: `to`, who holds `key`, may have this file from `from` until then. */
export const peerClaims = z.strictObject({
  format: z.literal('tutti/peer/v1'),
  digest,
  from: dnsName,
  to: dnsName,
  key: didKey,
  expiresAtMs: z.number(),
})
export type PeerClaims = z.infer<typeof peerClaims>

/** What the receiver signs for each request, so that a grant that was overheard opens nothing. */
export function peerProofText(grant: string, range: string): string {
  return `${grant}\n${range}`
}
