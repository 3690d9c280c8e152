// Authenticate
//
// Which key calls, and is the call meant for us? A page of somebody else that a browser was lured to (CSRF,
// DNS rebinding) is turned away whatever it carries.

import { createHash } from 'node:crypto'
import type { IncomingMessage } from 'node:http'
import type { Directory, KeyEntry } from '../routing/index.ts'

const loopback = ['localhost', '127.0.0.1', '[::1]']

/** Null where host and origin are ours; else the sentence that refuses them. */
export function whyForeign(request: IncomingMessage, hosts: readonly string[]): string | null {
  const known = new Set([...loopback, ...hosts])
  const host = hostNameOf(request.headers.host ?? '')
  if (!known.has(host))
    return `this server is not ${host}: start it with --host-name ${host} if it is`
  const { origin } = request.headers
  if (origin === undefined || known.has(hostNameOf(origin.replace(/^https?:\/\//, '')))) return null
  return `requests from ${origin} are not accepted`
}

/** The key of the call, or null. Secrets have 256 bits of chance and only hashes are compared. */
export function keyOf(
  request: IncomingMessage,
  directory: Directory,
  nowMs: number,
): KeyEntry | null {
  const secret = secretOf(request)
  if (secret === null) return null
  const hash = `sha256:${createHash('sha256').update(secret).digest('hex')}`
  const key = directory.keys.get(hash)
  if (key === undefined || (key.expiresAtMs !== undefined && key.expiresAtMs <= nowMs)) return null
  return key
}

/** Where each dialect's clients put it: OpenAI's, Anthropic's, Google's. */
function secretOf({ headers }: IncomingMessage): string | null {
  const bearer = /^Bearer (\S+)$/.exec(headers.authorization ?? '')?.[1]
  if (bearer !== undefined) return bearer
  const named = headers['x-api-key'] ?? headers['x-goog-api-key']
  return typeof named === 'string' && named !== '' ? named : null
}

function hostNameOf(host: string): string {
  return host.replace(/:\d+$/, '').toLowerCase()
}
