// Serving credentials
//
// Who may ask this node for inference: holders of the node's own local key, and gateways with a token that
// the control plane signed. Both work while the control plane is away.

import { createHash, timingSafeEqual } from 'node:crypto'
import type { IncomingMessage } from 'node:http'
import { signingPrefix } from '@tutti/core/resource'
import { servingClaims } from '@tutti/core/routing'
import { verifyText } from '@tutti/ledger'

const verifiedMax = 1_024 // tokens remembered: one per gateway and renewal

/** Answers for one request; a token's signature is verified once, its expiry every time. */
export function openCredentials(of: {
  readonly localKey: string
  readonly controlPlane: string
  readonly nowMs: () => number
}): (request: IncomingMessage) => boolean {
  const verified = new Map<string, number>() // token → expiry; written here alone
  const local = digestOf(of.localKey)
  return (request) => {
    const token = /^Bearer (\S+)$/.exec(request.headers.authorization ?? '')?.[1]
    if (token === undefined) return false
    if (timingSafeEqual(digestOf(token), local)) return true
    const expiresAtMs = verified.get(token) ?? expiryOf(token, of.controlPlane)
    if (expiresAtMs === null || expiresAtMs <= of.nowMs()) return false
    if (verified.size >= verifiedMax) verified.clear()
    verified.set(token, expiresAtMs)
    return true
  }
}

/** When a well-signed token ends, or null where it is not well signed. */
function expiryOf(token: string, controlPlane: string): number | null {
  const [claimsPart = '', signaturePart = ''] = token.split('.', 2)
  const text = Buffer.from(claimsPart, 'base64url').toString('utf8')
  const signature = Buffer.from(signaturePart, 'base64url').toString('base64')
  if (!verifyText(controlPlane, signingPrefix.serving, { text, signature })) return null
  try {
    const claims = servingClaims.safeParse(JSON.parse(text))
    return claims.success ? claims.data.expiresAtMs : null
  } catch {
    return null // signed, yet not JSON: nothing that we ever issue
  }
}

function digestOf(text: string): Buffer {
  return createHash('sha256').update(text).digest()
}
