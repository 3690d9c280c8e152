import { hash } from 'node:crypto'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { growSample, naiveRoot, plainEntries } from '../../samples/sample-log.ts'
import { consistencyProof, inclusionProof } from '../tile/index.ts'
import {
  emptyRoot,
  leafHash,
  verifyConsistency,
  verifyInclusion,
  verifySubtreeConsistency,
  verifySubtreeInclusion,
} from './index.ts'

const size = 700
const entries = plainEntries(size)
const { readTile } = growSample(entries)
const roots = entries.map((_, index) => naiveRoot(entries.slice(0, index + 1)))
const rootOf = (of: number) => roots[of - 1] ?? emptyRoot()
const leafOf = (index: number) => leafHash(entries[index] ?? Buffer.of())
const places = fc
  .tuple(fc.nat(size - 1), fc.nat(size - 1))
  .map(([a, b]) => ({ low: Math.min(a, b), high: Math.max(a, b) }))

test('the empty tree has the root that RFC 6962 gives', () => {
  expect(Buffer.from(emptyRoot()).toString('base64')).toBe(
    '47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=',
  )
  expect(leafHash(Buffer.of())).toEqual(hash('sha256', Buffer.of(0), 'buffer'))
})

describe('inclusion', () => {
  test('every entry of every tree is proved, and no proof holds for anything else', () =>
    fc.assert(
      fc.asyncProperty(places, fc.nat(), fc.nat(255), async ({ low, high }, at, flip) => {
        const claim = {
          index: low,
          size: high + 1,
          leaf: leafOf(low),
          root: rootOf(high + 1),
          proof: await inclusionProof(low, high + 1, readTile),
        }
        expect(verifyInclusion(claim)).toEqual({ ok: true })
        expect(verifyInclusion({ ...claim, leaf: leafOf(low + 1) }).ok).toBe(false)
        expect(verifyInclusion({ ...claim, root: flipped(claim.root, at, flip) }).ok).toBe(false)
        for (const proof of mutations(claim.proof, at, flip)) {
          expect(verifyInclusion({ ...claim, proof }).ok).toBe(false)
        }
      }),
    ))

  test('hostile numbers and hashes are refused, never thrown at', () => {
    const claim = { index: 0, size: 1, leaf: leafOf(0), root: rootOf(1), proof: [] }
    expect(verifyInclusion(claim)).toEqual({ ok: true })
    for (const index of [1, -1, 0.5, NaN, Infinity, 2 ** 53]) {
      expect(verifyInclusion({ ...claim, index })).toEqual({ ok: false, reason: 'bad-range' })
    }
    for (const bad of [0, -1, 1.5, NaN, Infinity, 2 ** 53]) {
      expect(verifyInclusion({ ...claim, size: bad })).toEqual({ ok: false, reason: 'bad-range' })
    }
    const leaf = leafOf(0).subarray(1)
    expect(verifyInclusion({ ...claim, leaf })).toEqual({ ok: false, reason: 'bad-hash' })
    const long = { ...claim, index: 2 ** 53 - 2, size: 2 ** 53 - 1 }
    expect(verifyInclusion(long)).toEqual({ ok: false, reason: 'bad-length' })
    expect(verifySubtreeInclusion({ ...claim, index: 3, start: 3, end: 5 })).toEqual({
      ok: false,
      reason: 'bad-subtree',
    })
  })
})

describe('consistency', () => {
  test('every earlier tree is proved, and no proof holds for anything else', () =>
    fc.assert(
      fc.asyncProperty(places, fc.nat(), fc.nat(255), async ({ low, high }, at, flip) => {
        const [oldSize, newSize] = [low + 1, high + 1]
        const claim = {
          oldSize,
          newSize,
          oldRoot: rootOf(oldSize),
          newRoot: rootOf(newSize),
          proof: await consistencyProof(oldSize, newSize, readTile),
        }
        expect(verifyConsistency(claim)).toEqual({ ok: true })
        const oldRoot = flipped(claim.oldRoot, at, flip)
        const newRoot = flipped(claim.newRoot, at, flip)
        expect(verifyConsistency({ ...claim, oldRoot }).ok).toBe(false)
        expect(verifyConsistency({ ...claim, newRoot }).ok).toBe(false)
        for (const proof of mutations(claim.proof, at, flip)) {
          expect(verifyConsistency({ ...claim, proof }).ok).toBe(false)
        }
      }),
    ))

  test('nothing is proved from an empty tree but that it is empty', () => {
    const empty = { oldSize: 0, newSize: 0, oldRoot: emptyRoot(), newRoot: emptyRoot(), proof: [] }
    expect(verifyConsistency(empty)).toEqual({ ok: true })
    expect(verifyConsistency({ ...empty, newSize: 1, newRoot: rootOf(1) })).toEqual({
      ok: false,
      reason: 'size-zero',
    })
    expect(verifyConsistency({ ...empty, newRoot: rootOf(1) }).ok).toBe(false)
  })

  test('a root of another length is refused before it is hashed', () => {
    const claim = { oldSize: 2, newSize: 4, newRoot: rootOf(4), proof: [leafOf(0)] }
    const oldRoot = Buffer.alloc(64)
    expect(verifyConsistency({ ...claim, oldRoot })).toEqual({ ok: false, reason: 'bad-hash' })
  })

  test('hostile sizes are refused, never thrown at', () => {
    const claim = { start: 0, end: 1, size: 2, subtreeRoot: rootOf(1), root: rootOf(2), proof: [] }
    for (const bad of [-1, 0.5, NaN, Infinity, 2 ** 53]) {
      expect(verifySubtreeConsistency({ ...claim, start: bad }).ok).toBe(false)
      expect(verifySubtreeConsistency({ ...claim, end: bad }).ok).toBe(false)
      expect(verifySubtreeConsistency({ ...claim, size: bad }).ok).toBe(false)
    }
    expect(verifySubtreeConsistency({ ...claim, size: 2 ** 53 - 1 }).ok).toBe(false)
  })
})

function flipped(bytes: Uint8Array, at: number, flip: number): Uint8Array {
  const copy = Buffer.from(bytes)
  const place = at % copy.length
  copy[place] = (copy[place] ?? 0) ^ (1 << (flip % 8))
  return copy
}

/** Proofs that are each wrong in one way. */
function mutations(proof: readonly Uint8Array[], at: number, flip: number): Uint8Array[][] {
  const extra = Buffer.alloc(32, flip)
  const place = at % Math.max(1, proof.length)
  const changed = proof.map((node, i) => (i === place ? flipped(node, at, flip) : node))
  const wrong = [
    [...proof, extra],
    [extra, ...proof],
  ]
  if (proof.length > 0) wrong.push(proof.slice(1), proof.slice(0, -1), changed)
  return wrong
}
