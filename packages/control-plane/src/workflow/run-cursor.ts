// Run cursor
//
// A place in a list of runs, as text that its reader hands back: what comes after it stays the same, whatever begins meanwhile.

import { z } from 'zod'

/** In a project's list: when the run before it started, and its id. */
const place = z.tuple([z.number(), z.string()])
export type RunPlace = z.infer<typeof place>

/** In the list of what waits in queues: the queue, whether of a backfill, priority, place. */
const queuedPlace = z.tuple([z.string(), z.boolean(), z.int(), z.number()])
export type QueuedPlace = z.infer<typeof queuedPlace>

export function cursorOf(at: Readonly<RunPlace> | Readonly<QueuedPlace>): string {
  return Buffer.from(JSON.stringify(at)).toString('base64url')
}

/** Null where it is none of that list. */
export function runPlaceIn(cursor: string): RunPlace | null {
  return place.safeParse(valueIn(cursor)).data ?? null
}

export function queuedPlaceIn(cursor: string): QueuedPlace | null {
  return queuedPlace.safeParse(valueIn(cursor)).data ?? null
}

function valueIn(cursor: string): unknown {
  try {
    return JSON.parse(Buffer.from(cursor, 'base64url').toString())
  } catch {
    return null
  }
}
