// Siblings
//
// The other workers, as one of them hears and tells them: through the process that started all.

import type { Limiter, RelayDoor } from '../routing/index.ts'
import type { RunningCalls } from '../tools/index.ts'
import { parseWorkerMessage } from './worker-message.ts'

// So much of a key's limit may be used twice over: what came elsewhere in that time.
const tellMs = 100
const quietMax = 10 // a second

export interface Shared {
  readonly limiter: Limiter
  /** Who takes a call of a tool back may have come to another worker. */
  readonly tools: { readonly calls: RunningCalls }
}

/** Keeps these in step with the other workers; what comes back ends it. */
export function joinSiblings({ limiter, tools }: Shared, relays: RelayDoor): () => void {
  const { calls } = tools
  calls.onElsewhere = (call) => {
    if (process.connected) process.send?.({ kind: 'taken-back', call })
  }
  const hear = (message: unknown) => {
    const said = parseWorkerMessage(message)
    if (said?.kind === 'used') limiter.hear(said.from, said.uses)
    if (said?.kind === 'taken-back') calls.hear(said.call)
    if (said?.kind === 'relays') relays.hear(said.from, said.urls)
    if (said?.kind !== 'gone') return
    limiter.forget(said.from)
    relays.forget(said.from)
  }
  let toldRelays = '' // the last list; one that has just started hears it within a second
  let quiet = 0
  const telling = setInterval(() => {
    const uses = limiter.news()
    if (!process.connected) return
    if (uses.length > 0) process.send?.({ kind: 'used', uses })
    const urls = relays.news()
    const list = JSON.stringify(urls)
    quiet += 1
    if (list === toldRelays && (quiet < quietMax || list === '{}')) return
    toldRelays = list
    quiet = 0
    process.send?.({ kind: 'relays', urls })
  }, tellMs).unref()
  process.on('message', hear)
  return () => {
    clearInterval(telling)
    process.removeListener('message', hear)
  }
}
