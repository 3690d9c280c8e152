// News
//
// Postgres tells every control plane of a database what changed. Whoever hears nothing for a while cannot
// tell silence from deafness: so each control plane says something to itself now and then, and listens
// anew, on another connection, where it did not hear it. What was said in between is lost: `onGap` has
// everything looked at again.

import type { Sql } from './store/index.ts'

export interface NewsPorts {
  readonly sql: Sql
  /** A pool of one connection that does nothing but listen. */
  readonly openListener: () => Sql
  /** A resource changed, by its `kind/project/name`. */
  readonly onResource: (key: string) => void
  readonly onLedger: () => void
  readonly onCheckpoint: () => void
  readonly onGap: () => Promise<void>
}

export interface News {
  /** Is anything heard? Listens anew where it is not. A turn of a loop. */
  readonly check: () => Promise<void>
  readonly stop: () => Promise<void>
}

const endSeconds = 1

/** Listens; resolves when it does. */
export async function openNews(ports: NewsPorts): Promise<News> {
  let heard = 0 // the listener counts; only differences matter
  let asked: number | null = null // `heard` when we last spoke to ourselves
  let listener = await listenAll(ports, () => {
    heard += 1
  })
  return {
    check: async () => {
      if (asked === heard) {
        asked = null
        await listener.end({ timeout: endSeconds }).catch(() => {}) // it was dead already
        listener = await listenAll(ports, () => {
          heard += 1
        })
        await ports.onGap()
      }
      await ports.sql`select pg_notify('pulse', '')`
      asked = heard
    },
    stop: () => listener.end({ timeout: endSeconds }),
  }
}

async function listenAll(ports: NewsPorts, onPulse: () => void): Promise<Sql> {
  const listener = ports.openListener()
  try {
    await listener.listen('resource', ports.onResource)
    await listener.listen('ledger', () => ports.onLedger())
    await listener.listen('checkpoint', () => ports.onCheckpoint())
    await listener.listen('pulse', onPulse)
    return listener
  } catch (error) {
    await listener.end({ timeout: endSeconds })
    throw error
  }
}
