// Authenticate
//
// Which key calls?

import { createHash, timingSafeEqual } from 'node:crypto'
import type { Directory, KeyEntry } from '../routing/index.ts'
import type { Incoming } from '../wire/index.ts'
import type { Dialect } from './answer.ts'

type Asking = Pick<Incoming, 'headers'> & { readonly url?: string | undefined }

/** The key of the call, or null. Secrets have 256 bits of chance and only hashes are compared. */
export function keyOf(request: Asking, directory: Directory, nowMs: number): KeyEntry | null {
  const secret = secretOf(request)
  if (secret === null) return null
  const key = directory.keyOfSecret(secret)
  if (key === undefined || (key.expiresAtMs !== undefined && key.expiresAtMs <= nowMs)) return null
  return key
}

/** Whether whoever asks has the key that this gateway has at its control plane. */
export function isOwnKey(request: Asking, ownKey: string): boolean {
  const given = secretOf(request)
  return given !== null && timingSafeEqual(digestOf(given), digestOf(ownKey))
}

function digestOf(secret: string): Buffer {
  return createHash('sha256').update(secret).digest()
}

/** Where each dialect's clients put it: OpenAI's, Anthropic's, Google's. */
export function secretOf({ headers, url = '' }: Asking): string | null {
  const bearer = /^Bearer +(\S+)$/i.exec(headers.authorization ?? '')?.[1]
  if (bearer !== undefined) return bearer
  const named = headers['x-api-key'] ?? headers['x-goog-api-key'] ?? keyInUrl(url)
  return typeof named === 'string' && named !== '' ? named : null
}

/** Google's alone: what stands in a URL is written into logs on its way. */
function keyInUrl(url: string): string | null {
  const query = /^\/v1(beta|alpha)\//.test(url) ? url.split('?', 2)[1] : undefined
  return query === undefined ? null : new URLSearchParams(query).get('key')
}

/** What is said to whoever has none that is valid. */
export function whyNoKey(dialect: Dialect): string {
  return `expected a key that is valid here, ${places[dialect]}`
}

const bearer = 'as Authorization: Bearer'
const places: Readonly<Record<Dialect, string>> = {
  oip: bearer,
  openai: bearer,
  'openai-responses': bearer,
  anthropic: `as x-api-key or ${bearer}`,
  gemini: `as x-goog-api-key, as ?key= or ${bearer}`,
}
