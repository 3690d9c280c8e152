// Snapshot feed
//
// Holds the newest signed snapshot and tells gateways when there is a newer one. The database numbers them,
// so that a gateway never sees an older number, whatever happens to this process or its clock. What nobody changes is
// told anew all the same, once a day: nodes take the token in it for a month.

import { canonicalJson, signingPrefix } from '@tutti/core/resource'
import type { SignedSnapshot, Snapshot } from '@tutti/core/routing'
import { buildSnapshot, type SnapshotPorts, servingToken } from './build-snapshot.ts'

export interface SnapshotFeed {
  /** Builds anew and, where something has changed, tells the listeners. */
  readonly refresh: () => Promise<void>
  /** As things stand now, for who asks once; null where none could be built yet. */
  readonly newest: () => Promise<SignedSnapshot | null>
  readonly current: () => SignedSnapshot | null
  /** Its number; null where none could be built yet. */
  readonly sequence: () => number | null
  readonly listen: (listener: (snapshot: SignedSnapshot) => void) => () => void
}

export interface FeedPorts extends SnapshotPorts {
  /** Is another one whenever something that a snapshot is built from has changed. */
  readonly version: () => string
}

interface Held {
  readonly body: string
  readonly signed: SignedSnapshot
  readonly sequence: number
  /** When it was signed. */
  readonly atMs: number
}

// A large fleet's snapshot costs a large part of a second: watchers take turns with everybody else's work,
// and where nobody watches, it is built when somebody asks.
const shareMax = 4
const looksMax = 30 // an event may be lost: then one turn in thirty finds what it missed

// Nodes take a token for a month: a gateway whose control plane goes away has four weeks of it left.
const renewMs = 86_400_000

// Nodes that connect at once are all back within twenty seconds; who is away for longer is away.
const settleMs = 60_000

export function openSnapshotFeed(ports: FeedPorts): SnapshotFeed {
  const openedMs = performance.now()
  const listeners = new Set<(snapshot: SignedSnapshot) => void>()
  // refresh writes
  let held: Held | null = null
  let built = { version: '', looks: 0 } // refresh writes
  let last = { startMs: Number.NEGATIVE_INFINITY, tookMs: 0, restMs: 0 } // `build` writes
  let building: Promise<void> | null = null // `build` writes: those who ask at once share one
  const build = (version: string): Promise<void> => {
    building ??= buildAnew(version).finally(() => {
      building = null
    })
    return building
  }
  const isOld = () => held !== null && Math.abs(ports.nowMs() - held.atMs) >= renewMs
  const buildAnew = async (version: string): Promise<void> => {
    const startMs = performance.now()
    const isSettling = startMs - openedMs < settleMs
    const body = await buildSnapshot(ports, { isSettling })
    const text = canonicalJson(body)
    const tookMs = performance.now() - startMs
    // The first one is slow for reasons of its own: code and policies are loaded with it.
    last = { startMs, tookMs, restMs: shareMax * Math.min(tookMs, last.tookMs) }
    if (held?.body !== text || isOld()) {
      const nowMs = ports.nowMs()
      const [next] = await ports.sql<{ number: string }[]>`
        select nextval('snapshot_number') as number`
      const sequence = Number(next?.number)
      const token = servingToken(ports.identity, 'gateway', nowMs)
      const snapshot: Snapshot = { ...body, sequence, issuedAtMs: nowMs, servingToken: token }
      const payload = canonicalJson(snapshot)
      const signature = ports.identity.sign(signingPrefix.snapshot, payload)
      held = { body: text, signed: { payload, signature }, sequence, atMs: nowMs }
      for (const listener of listeners) listener(held.signed)
    }
    built = { version, looks: 0 }
  }
  return {
    current: () => held?.signed ?? null,
    sequence: () => held?.sequence ?? null,
    newest: async () => {
      await building // what it was built from may be older than the question
      const version = ports.version()
      if (version !== built.version || isOld()) await build(version)
      return held?.signed ?? null
    },
    listen: (listener) => {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
    refresh: async () => {
      if (listeners.size === 0) return
      const version = ports.version()
      if (version === built.version && built.looks < looksMax) {
        built = { version, looks: built.looks + 1 }
        return
      }
      const isRested = performance.now() - last.startMs >= last.restMs
      if (held === null || isRested) await build(version) // else a later turn builds it
    },
  }
}
