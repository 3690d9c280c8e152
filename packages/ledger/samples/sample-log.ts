// A log for tests: the same entries, salts and keys on every machine.

import {
  commit,
  cosignNote,
  edgeRoot,
  emptyEdge,
  formatCheckpoint,
  growTree,
  hashBytes,
  type Leaf,
  leafHash,
  nodeHash,
  type ReadTile,
  type SignerKey,
  signerKeyFromSeed,
  signNote,
  type TreeEdge,
  tilePath,
  widthAt,
} from '../src/index.ts'

export const origin = 'example.com/tutti'
export const logKey: SignerKey = signerKeyFromSeed(origin, Buffer.alloc(32, 1), 'note')
export const witnessKey: SignerKey = signerKeyFromSeed(
  'witness.example.com/w1',
  Buffer.alloc(32, 2),
  'cosignature',
)

/** Leaves with bodies of all kinds of text; every seventh is erased. */
export function sampleLeaves(size: number): Leaf[] {
  return Array.from({ length: size }, (_, index) => {
    const salt = Buffer.alloc(16, index)
    const body = JSON.stringify({ index, change: `naïve "quote" ${'x'.repeat(index % 5)} 🎼` })
    const entry = commit(salt, body)
    return index % 7 === 3 ? { entry, erased: true } : { entry, salt, body }
  })
}

/** The checkpoint of a tree, signed by the log and cosigned by the witness. */
export function sampleCheckpoint(edge: TreeEdge): string {
  const { size } = edge
  const text = formatCheckpoint({ origin, size, root: edgeRoot(edge), extensions: [] })
  return cosignNote(signNote(text, [logKey]), witnessKey, 1_679_315_147)
}

/** A log in memory: its edge, and its tiles by path as a folder would hold them. */
export function growSample(entries: readonly Uint8Array[], batches: readonly number[] = []) {
  const files = new Map<string, Uint8Array>()
  let edge = emptyEdge
  let root = edgeRoot(edge)
  for (const batch of cut(entries, batches)) {
    const growth = growTree(edge, batch)
    for (const { path, bytes } of [...growth.full, ...growth.partial]) files.set(path, bytes)
    edge = growth.edge
    root = growth.root
  }
  // A partial tile is the start of the wider one: all earlier sizes can be proved from the latest.
  const readTile: ReadTile = async (level, index, width) => {
    const widest = widthAt(edge.size, level, index)
    const bytes = files.get(tilePath({ level, index, width: widest })) ?? new Uint8Array(0)
    return bytes.subarray(0, width * hashBytes)
  }
  return { edge, root, files, readTile }
}

/** RFC 6962, section 2.1, word for word: the root that everything else must agree with. */
export function naiveRoot(entries: readonly Uint8Array[]): Uint8Array {
  const [first] = entries
  if (first === undefined) throw new Error('the empty tree has a root of its own')
  if (entries.length === 1) return leafHash(first)
  let split = 1
  while (split * 2 < entries.length) split *= 2
  return nodeHash(naiveRoot(entries.slice(0, split)), naiveRoot(entries.slice(split)))
}

export function plainEntries(size: number): Uint8Array[] {
  return Array.from({ length: size }, (_, index) => Buffer.from(`entry ${index}`))
}

function cut(entries: readonly Uint8Array[], batches: readonly number[]): Uint8Array[][] {
  const pieces: Uint8Array[][] = []
  let at = 0
  for (const length of batches) {
    pieces.push(entries.slice(at, at + length))
    at += length
  }
  return [...pieces, entries.slice(at)]
}
