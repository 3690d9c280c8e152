// Authenticate
//
// Which key calls?

import type { Directory, KeyEntry } from '../routing/index.ts'
import type { Incoming } from '../wire/index.ts'

type Asking = Pick<Incoming, 'headers'>

/** The key of the call, or null. Secrets have 256 bits of chance and only hashes are compared. */
export function keyOf(request: Asking, directory: Directory, nowMs: number): KeyEntry | null {
  const secret = secretOf(request)
  if (secret === null) return null
  const key = directory.keyOfSecret(secret)
  if (key === undefined || (key.expiresAtMs !== undefined && key.expiresAtMs <= nowMs)) return null
  return key
}

/** Where each dialect's clients put it: OpenAI's, Anthropic's, Google's. */
export function secretOf({ headers }: Asking): string | null {
  const bearer = /^Bearer (\S+)$/.exec(headers.authorization ?? '')?.[1]
  if (bearer !== undefined) return bearer
  const named = headers['x-api-key'] ?? headers['x-goog-api-key']
  return typeof named === 'string' && named !== '' ? named : null
}
