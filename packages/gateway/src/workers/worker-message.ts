// Worker message
//
// What workers and the process that started them say to each other.

import type { KeyUse, RelayUrls } from '../routing/index.ts'
import type { CallKey } from '../tools/index.ts'

export type WorkerMessage =
  | { readonly kind: 'ready'; readonly url: string }
  /** What keys with limits used since the message before. */
  | { readonly kind: 'used'; readonly from: number; readonly uses: readonly KeyUse[] }
  /** All nodes that have come to it, and where they are reached. */
  | { readonly kind: 'relays'; readonly from: number; readonly urls: RelayUrls }
  /** A call of a tool that its caller has taken back, and that does not run where he said so. */
  | { readonly kind: 'taken-back'; readonly from: number; readonly call: CallKey }
  /** Where it is asked for what it alone knows. */
  | { readonly kind: 'door'; readonly from: number; readonly url: string }
  | { readonly kind: 'gone'; readonly from: number }

/**
 * For whoever sends: the other may have died in this moment, and hears nothing. Without a callback
 * the broken pipe is an error that nobody listens to, and ends the sender too.
 */
export const mayBeGone = (_: Error | null): void => {}

/** Null for what is none; our own processes send nothing else. */
export function parseWorkerMessage(message: unknown): WorkerMessage | null {
  if (typeof message !== 'object' || message === null) return null
  if ('ready' in message && typeof message.ready === 'string') {
    return { kind: 'ready', url: message.ready }
  }
  if (!('kind' in message)) return null
  const from = 'from' in message && typeof message.from === 'number' ? message.from : 0
  if (message.kind === 'gone') return { kind: 'gone', from }
  if (message.kind === 'door' && 'url' in message && typeof message.url === 'string') {
    return { kind: 'door', from, url: message.url }
  }
  if (message.kind === 'relays' && 'urls' in message && isUrls(message.urls)) {
    return { kind: 'relays', from, urls: message.urls }
  }
  if (message.kind === 'taken-back' && 'call' in message && isCall(message.call)) {
    return { kind: 'taken-back', from, call: message.call }
  }
  if (message.kind !== 'used' || !('uses' in message) || !Array.isArray(message.uses)) return null
  return { kind: 'used', from, uses: message.uses }
}

function isUrls(urls: unknown): urls is RelayUrls {
  if (typeof urls !== 'object' || urls === null) return false
  return Object.values(urls).every(
    (one) => typeof one?.url === 'string' && typeof one?.key === 'string' && isTimed(one),
  )
}

function isTimed({ sinceMs, expiresAtMs }: Readonly<Record<string, unknown>>): boolean {
  return typeof sinceMs === 'number' && typeof expiresAtMs === 'number'
}

function isCall(call: unknown): call is CallKey {
  return typeof call === 'object' && call !== null && 'key' in call && 'session' in call
}
