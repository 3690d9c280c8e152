// Pause
//
// Waits for a while, or until nobody wants it any more.

import { setTimeout as delay } from 'node:timers/promises'

/** Resolves after `ms`, or as soon as the signal is aborted; at once where it is. */
export async function pause(ms: number, signal: AbortSignal): Promise<void> {
  await delay(ms, undefined, { signal }).catch(() => {}) // it throws for an abort alone
}
