// Pick source
//
// Where a node of a site gets the next bytes of a file that its neighbours want too. Nodes fetch a file from
// its first byte to its last, so what one has is one number. The one that is furthest gets the next piece over
// the site's uplink; the others follow it, and give to those behind them what they have: a pipeline whose
// length in time is the uplink's, and one copy of the file crosses it.
//
// Invariants:
//   S1. One node of a site at a time fetches a file from the origin, a piece at a time: who dies with it
//       loses one piece.
//   S2. Nobody is sent to the origin for bytes that a neighbour can give, unless that one failed it lately.
//   S3. A node gives to `uploadsMax` others at once at most.
//   S4. Who was accused by a node of wrong bytes is not ordered to it again; who was accused by two, to
//       nobody: one liar can neither poison a site nor outlaw an honest node.

import { hash32 } from '../resource/index.ts'

/** Receivers that a node gives to at once: each then has a useful share of a gigabit. */
export const uploadsMax = 4
const piecesPerOrder = 8 // to one that comes late and finds all of it on its site

/** One node of the site that has some of the file, or wants it. */
export interface SwarmMember {
  readonly node: string
  /** Checked bytes from the start that it gives to others; 0 where it cannot be dialled. */
  readonly offerBytes: number
}

/** An order that is being carried out. */
export interface OpenOrder {
  readonly to: string
  /** null: the origin. */
  readonly from: string | null
}

export interface SwarmView {
  readonly sizeBytes: number
  readonly pieceBytes: number
  readonly members: readonly SwarmMember[]
  readonly orders: readonly OpenOrder[]
  /** By node, those who accuse it of wrong bytes. */
  readonly accusers: ReadonlyMap<string, ReadonlySet<string>>
  /** True where the origin takes one more, all sites and files counted. */
  readonly isOriginFree: boolean
}

export interface SwarmAsker {
  readonly node: string
  readonly haveBytes: number
  /** Nodes that have failed it lately. */
  readonly refused: ReadonlySet<string>
}

export type SourceChoice =
  | { readonly kind: 'origin'; readonly start: number; readonly end: number }
  | {
      readonly kind: 'peer'
      readonly node: string
      readonly start: number
      readonly end: number
    }
  | { readonly kind: 'wait' }

/** The next order for one asker that does not have the whole file; its earlier order is over. */
export function pickSource(view: SwarmView, asker: SwarmAsker): SourceChoice {
  const { sizeBytes, pieceBytes } = view
  const start = asker.haveBytes
  const first = Math.floor(start / pieceBytes)
  const pieceEnd = Math.min(sizeBytes, (first + 1) * pieceBytes)
  const able = view.members.filter(
    (one) => one.offerBytes >= pieceEnd && mayGive(view, one.node, asker),
  )
  if (able.length === 0) {
    const isTaken = view.orders.some(({ from }) => from === null)
    if (isTaken || !view.isOriginFree) return { kind: 'wait' } // S1
    return { kind: 'origin', start, end: pieceEnd }
  }
  const giver = pickGiver(view, able, asker.node)
  if (giver === null) return { kind: 'wait' } // S2
  const end = Math.min(sizeBytes, giver.offerBytes, (first + piecesPerOrder) * pieceBytes)
  return { kind: 'peer', node: giver.node, start, end }
}

function mayGive({ accusers }: SwarmView, node: string, asker: SwarmAsker): boolean {
  const accusing = accusers.get(node)
  const isAccused = accusing !== undefined && (accusing.size >= 2 || accusing.has(asker.node))
  return node !== asker.node && !asker.refused.has(node) && !isAccused // S4
}

/** The one that gives to the fewest; among equals, another one for every asker. */
function pickGiver(
  { orders }: SwarmView,
  able: readonly SwarmMember[],
  asker: string,
): SwarmMember | null {
  const uploads = new Map<string, number>()
  for (const { from } of orders) if (from !== null) uploads.set(from, (uploads.get(from) ?? 0) + 1)
  const loadOf = ({ node }: SwarmMember) => uploads.get(node) ?? 0
  let best: { readonly member: SwarmMember; readonly rank: number } | null = null
  for (const member of able) {
    if (loadOf(member) >= uploadsMax) continue // S3
    const rank = loadOf(member) + hash32(`${asker}/${member.node}`) / 2 ** 32
    if (best === null || rank < best.rank) best = { member, rank }
  }
  return best?.member ?? null
}
