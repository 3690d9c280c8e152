// Worker message
//
// What workers and the process that started them say to each other.

import type { KeyUse } from '../routing/index.ts'

export type WorkerMessage =
  | { readonly kind: 'ready'; readonly url: string }
  /** What keys with limits used since the message before. */
  | { readonly kind: 'used'; readonly from: number; readonly uses: readonly KeyUse[] }
  | { readonly kind: 'gone'; readonly from: number }

/** Null for what is none; our own processes send nothing else. */
export function parseWorkerMessage(message: unknown): WorkerMessage | null {
  if (typeof message !== 'object' || message === null) return null
  if ('ready' in message && typeof message.ready === 'string') {
    return { kind: 'ready', url: message.ready }
  }
  if (!('kind' in message)) return null
  const from = 'from' in message && typeof message.from === 'number' ? message.from : 0
  if (message.kind === 'gone') return { kind: 'gone', from }
  if (message.kind !== 'used' || !('uses' in message) || !Array.isArray(message.uses)) return null
  return { kind: 'used', from, uses: message.uses }
}
