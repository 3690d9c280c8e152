// Relay hello
//
// How a node that cannot be dialled offers itself to a gateway that it dials: which gateways there are, the
// grant that the control plane gives it for them, and the proof that it is the node of the grant.
//
//   gateway                               node
//   {challenge}                       →
//                                     ←   {grant, signature over challenge and URL}
//   {ready}                           →   and frames of a relay line, both ways

import { z } from 'zod'
import { didKey, dnsName } from '../resource/index.ts'

/** Where a gateway takes relays, below its URL. */
export const relayPath = '/relay'
/** The scheme of an endpoint that nobody can dial: `relay://NODE`. */
export const relayScheme = 'relay:'

/** `GET /api/v1/relays`, for nodes. */
export const relayList = z.strictObject({
  /** Of gateways that are there now. */
  urls: z.array(z.url().max(256)).max(64),
  grant: z.string().max(4_096),
})
export type RelayList = z.infer<typeof relayList>

/** What a grant says: who holds `key` is this node. */
export const relayClaims = z.strictObject({
  format: z.literal('tutti/relay/v1'),
  node: dnsName,
  key: didKey,
  expiresAtMs: z.number(),
})
export type RelayClaims = z.infer<typeof relayClaims>

export const relayChallenge = z.strictObject({ challenge: z.string().min(22).max(64) })

export const relayHello = z.strictObject({
  grant: z.string().max(4_096),
  /** Ed25519 over `tutti/relay-hello/v2\n` and `relayProof`. */
  signature: z.string().max(128),
})

/**
 * What a node signs: the gateway's challenge, and the URL under which the node dialled it. A
 * party that passes another gateway's challenge on gets a signature that is good for itself alone.
 */
export function relayProof(challenge: string, url: string): string {
  return `${challenge}\n${url.replace(/\/$/, '')}`
}

export const relayReady = z.strictObject({ ready: z.literal(true) })
