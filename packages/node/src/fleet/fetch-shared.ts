// Fetch shared
//
// Brings a file here together with the other nodes of this site: the control plane orders where the next
// bytes come from, the origin or a neighbour; what has come is hashed piece by piece and offered to others.
//
// Invariants:
//   F1. No byte is offered to others, or counted as there for good, before its piece has the digest that the
//       origin says; the file itself is judged by its own digest, by who calls this.
//   F2. A source that gives wrong bytes is named, its bytes are thrown away, and it is not asked again.
//   F3. Whatever breaks off, what is right stays on disk, and the next source goes on there.

import { createHash } from 'node:crypto'
import { open, stat, truncate } from 'node:fs/promises'
import type { PieceList, SourceAsk } from '@tutti/core/fleet'
import { pause } from '@tutti/machine'
import { Failure } from '../failure.ts'
import type { BlobWish } from './blob-wish.ts'
import type { PeerOrder, SourceClient } from './source-client.ts'

export interface SharedFetch {
  readonly wish: BlobWish
  readonly client: SourceClient
  readonly signal: AbortSignal
  readonly onBytes: (bytes: number) => void
  /** So many bytes from the start are checked: others may have them. */
  readonly onOffer: (bytes: number) => void
}

// sources that failed in a row: then the installer waits, and begins again from here
const strikesMax = 8
const keepMs = 5_000
const strikePauseMs = 250

/** What this download knows; `fetchShared` and those it calls write it. */
interface Progress {
  haveBytes: number
  checkedBytes: number
  failed: SourceAsk['failed']
  /** Peers that gave right bytes: with these it goes on where nobody gives orders any more. */
  readonly known: Map<string, PeerOrder>
}

/**
 * Downloads into `part` until it has the file's size. False where this control plane knows no
 * sharing: then nothing was done. Throws `node/fetch-failed`, `node/disk-full`.
 */
export async function fetchShared(part: string, of: SharedFetch): Promise<boolean> {
  const { wish, client, signal } = of
  const pieces = await client.pieces(wish.digest, signal).catch((thrown: unknown) => {
    throw failureOf(thrown)
  })
  if (pieces === null || pieces.sizeBytes !== wish.sizeBytes) return false
  const progress: Progress = {
    ...{ haveBytes: await sizeOf(part), checkedBytes: 0, failed: [], known: new Map() },
  }
  await check(part, pieces, { of, progress }) // what a life before left here
  for (let strikes = 0; progress.haveBytes < wish.sizeBytes; ) {
    const before = progress.checkedBytes
    const problem = await step(part, pieces, { of, progress })
    signal.throwIfAborted()
    if (progress.checkedBytes > before) strikes = 0
    if (problem === null) continue
    if (problem.code === 'node/disk-full') throw problem
    strikes += 1
    if (strikes > strikesMax) throw problem
    await pause(strikePauseMs * strikes, signal)
  }
  await tell(of, progress, { keep: false }).catch(() => {}) // the registry says it soon, too
  return true
}

interface Download {
  readonly of: SharedFetch
  readonly progress: Progress
}

/** One order carried out; the failure of its source, or null. */
async function step(part: string, pieces: PieceList, at: Download): Promise<Failure | null> {
  const { of, progress } = at
  const order = await tell(of, progress, { keep: false }).catch((thrown: unknown) => {
    const peer = [...progress.known.values()][0]
    if (peer === undefined) throw failureOf(thrown)
    return { ...peer, ...nextPiece(pieces, progress.haveBytes) } // cut off: on with those we know
  })
  if (order.kind === 'nothing') return null
  if (order.kind === 'wait') {
    if (order.afterMs > 0) await pause(order.afterMs, of.signal)
    return null
  }
  const keeping = setInterval(() => {
    tell(of, progress, { keep: true }).catch(() => {}) // the order lapses, and is given again
  }, keepMs)
  const start = progress.haveBytes
  const watch = {
    signal: of.signal,
    onBytes: (bytes: number) => {
      progress.haveBytes = bytes
      of.onBytes(bytes)
    },
  }
  const { digest } = of.wish
  const range = { start, end: order.end }
  const bringing =
    order.kind === 'origin'
      ? of.client.fromOrigin(part, digest, { ...range, ...watch })
      : of.client.fromPeer(part, digest, { order, ...range, ...watch })
  const failure = await bringing.then(
    () => null,
    (thrown: unknown) => failureOf(thrown),
  )
  clearInterval(keeping)
  progress.haveBytes = await sizeOf(part)
  const wrongFrom = await check(part, pieces, at)
  if (order.kind === 'peer') judge(progress, { order, failure, wrongFrom, start })
  if (wrongFrom === null) return failure
  return new Failure('node/fetch-failed', `wrong bytes from ${nameOf(order)} at byte ${wrongFrom}`)
}

/** Says of a peer what it did, for the next ask (F2). */
function judge(
  progress: Progress,
  of: {
    readonly order: PeerOrder
    readonly failure: Failure | null
    readonly wrongFrom: number | null
    readonly start: number
  },
): void {
  const { order, failure, wrongFrom, start } = of
  const { node } = order
  if (failure === null && wrongFrom === null) {
    progress.known.set(node, order)
    return
  }
  progress.known.delete(node)
  // A piece that somebody else had begun may be wrong by that one's bytes: nobody is accused of it.
  const isProven = wrongFrom !== null && wrongFrom >= start
  const isMore = failure?.code === 'node/digest-mismatch'
  const reason = isProven || isMore ? 'wrong-bytes' : failure === null ? null : 'unreachable'
  if (reason !== null) progress.failed.push({ node, reason })
}

async function tell(
  { wish, client, signal }: SharedFetch,
  progress: Progress,
  of: { keep: boolean },
) {
  const { haveBytes, checkedBytes } = progress
  const failed = of.keep ? [] : progress.failed.slice(0, 16)
  const ask = { haveBytes, offerBytes: checkedBytes, failed, keep: of.keep }
  const order = await client.ask(wish.digest, ask, signal)
  if (!of.keep) progress.failed = progress.failed.slice(16)
  return order
}

/**
 * Hashes what has come and is not checked yet; cuts the file off where a piece is wrong and gives
 * that place, else null.
 */
async function check(part: string, pieces: PieceList, at: Download): Promise<number | null> {
  const { progress, of } = at
  let wrongFrom: number | null = null
  while (wrongFrom === null && progress.checkedBytes < progress.haveBytes) {
    const { start, end } = pieceAt(pieces, progress.checkedBytes)
    if (end > progress.haveBytes) break
    const seen = await digestOf(part, start, end)
    if (seen === pieces.digests[start / pieces.pieceBytes]) progress.checkedBytes = end
    else wrongFrom = start
  }
  if (wrongFrom !== null) {
    await truncate(part, wrongFrom)
    progress.haveBytes = wrongFrom
    of.onBytes(wrongFrom)
  }
  of.onOffer(progress.checkedBytes) // F1
  return wrongFrom
}

function pieceAt({ pieceBytes, sizeBytes }: PieceList, byte: number) {
  const start = Math.floor(byte / pieceBytes) * pieceBytes
  return { start, end: Math.min(sizeBytes, start + pieceBytes) }
}

function nextPiece(pieces: PieceList, haveBytes: number) {
  return { start: haveBytes, end: pieceAt(pieces, haveBytes).end }
}

function nameOf(order: { readonly kind: string; readonly node?: string }): string {
  return order.node ?? 'the origin'
}

function failureOf(thrown: unknown): Failure {
  if (thrown instanceof Failure) return thrown
  const message = thrown instanceof Error ? thrown.message : String(thrown)
  return new Failure('node/fetch-failed', message, { cause: thrown })
}

async function digestOf(path: string, start: number, end: number): Promise<string> {
  const hash = createHash('sha256')
  const file = await open(path, 'r')
  try {
    for await (const chunk of file.createReadStream({ start, end: end - 1, autoClose: false })) {
      hash.update(chunk)
    }
  } finally {
    await file.close()
  }
  return `sha256:${hash.digest('hex')}`
}

async function sizeOf(path: string): Promise<number> {
  try {
    return (await stat(path)).size
  } catch {
    return 0 // nothing has come yet
  }
}
