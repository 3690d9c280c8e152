// Outbox
//
// What nodes are sent: whole assignments, everything to a node that has just come, and to the others what
// is new since the last push.
//
// Invariants (of the hub):
//   H4. Every queue towards a node is bounded: one that does not read is cut off.
//   H5. A frame goes on from the checkpoint that was sent before it on the same connection.

import type { SignedAssignment, ToNode } from '@tutti/core/fleet'
import type { AssignmentFeed, AssignmentSet } from './assignment-feed.ts'
import type { Link } from './link.ts'

export interface Receiver {
  readonly link: Link
  /** Tree size of the last checkpoint sent, or what the node says that it has. */
  sentSize: number
}

const bufferedBytesMax = 16 * 1024 * 1024 // two full frames: more, and the node is not reading
// nodes that were away for long stand at many sizes: those frames are made one by one
const framesMax = 64

export interface Outbox {
  /** Sends what is new since the last push to everybody. */
  readonly push: (receivers: Iterable<Receiver>) => Promise<void>
  /** Sends all assignments to one node. */
  readonly sendAll: (receiver: Receiver) => Promise<void>
}

/** What is sent, and to whom it was: one frame per checkpoint size that nodes stand at, so few. */
export function openOutbox(feed: AssignmentFeed): Outbox {
  let held: AssignmentSet | null = null // written by `refresh`: never an older one
  const pushed = new Map<string, string>() // deployment → generation.revision; written by push
  const frames = new Map<string, Promise<Buffer>>() // of `held` alone: all links share their bytes
  const isNew = (one: SignedAssignment) => {
    const { key, text } = versionOf(one)
    return pushed.get(key) !== text
  }
  const refresh = async () => {
    const newest = await feed.newest()
    if (newest === null || newest.checkpoint.size <= (held?.checkpoint.size ?? 0)) return
    held = newest
    frames.clear()
  }
  const frameOf = (set: AssignmentSet, which: 'all' | 'new', fromSize: number) => {
    const key = `${which} ${fromSize}`
    const known = frames.get(key)
    if (known !== undefined) return known
    const frame = frameFor(feed, fromSize, {
      checkpoint: set.checkpoint,
      assignments: which === 'all' ? set.assignments : set.assignments.filter(isNew),
    })
    if (frames.size < framesMax) frames.set(key, frame)
    frame.catch(() => frames.delete(key)) // the next try reads the store again
    return frame
  }
  const sendFrame = async (receiver: Receiver, which: 'all' | 'new') => {
    const { link } = receiver
    while (held !== null && link.isOpen()) {
      const set: AssignmentSet = held
      const { sentSize } = receiver
      const frame = await frameOf(set, which, sentSize)
      if (set !== held || sentSize !== receiver.sentSize) continue // overtaken: H5
      if (link.bufferedBytes() > bufferedBytesMax)
        link.terminate() // H4
      else if (link.isOpen()) link.send(frame)
      receiver.sentSize = set.checkpoint.size
      return
    }
  }
  return {
    push: async (receivers) => {
      await refresh()
      const fresh = (held?.assignments ?? []).filter(isNew)
      if (fresh.length === 0) return
      for (const receiver of receivers) await sendFrame(receiver, 'new')
      // Only now: a turn that failed before is tried again with the same assignments.
      for (const { key, text } of fresh.map(versionOf)) pushed.set(key, text)
      frames.clear()
    },
    sendAll: async (receiver) => {
      if (held === null || receiver.sentSize > held.checkpoint.size) await refresh()
      await sendFrame(receiver, 'all')
    },
  }
}

function versionOf({ payload }: SignedAssignment): { readonly key: string; readonly text: string } {
  const { project, deployment, generation, revision } = JSON.parse(payload)
  return { key: `${project}/${deployment}`, text: `${generation}.${revision}` }
}

async function frameFor(
  feed: AssignmentFeed,
  fromSize: number,
  { assignments, checkpoint }: AssignmentSet,
): Promise<Buffer> {
  const isKnown = fromSize > 0 && fromSize <= checkpoint.size
  const consistency = isKnown
    ? { consistency: await feed.consistency(fromSize, checkpoint.size) }
    : {}
  const frame: ToNode = {
    type: 'assign',
    assignments: [...assignments],
    ...consistency,
    checkpoint: checkpoint.note,
  }
  return Buffer.from(JSON.stringify(frame))
}
