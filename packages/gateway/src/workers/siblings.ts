// Siblings
//
// The other workers, as one of them hears and tells them: through the process that started all.

import type { Limiter } from '../routing/index.ts'
import { parseWorkerMessage } from './worker-message.ts'

// So much of a key's limit may be used twice over: what came elsewhere in that time.
const tellMs = 100

/** Keeps a limiter in step with those of the other workers; what comes back ends it. */
export function joinSiblings(limiter: Limiter): () => void {
  const hear = (message: unknown) => {
    const said = parseWorkerMessage(message)
    if (said?.kind === 'used') limiter.hear(said.from, said.uses)
    if (said?.kind === 'gone') limiter.forget(said.from)
  }
  const telling = setInterval(() => {
    const uses = limiter.news()
    if (uses.length > 0 && process.connected) process.send?.({ kind: 'used', uses })
  }, tellMs).unref()
  process.on('message', hear)
  return () => {
    clearInterval(telling)
    process.removeListener('message', hear)
  }
}
