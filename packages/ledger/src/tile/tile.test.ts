import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { growSample, naiveRoot, plainEntries } from '../../samples/sample-log.ts'
import { emptyRoot, leafHash, sameHash } from '../merkle/index.ts'
import {
  consistencyProof,
  decodeBundle,
  edgeWrites,
  emptyEdge,
  encodeBundle,
  growTree,
  inclusionProof,
  parseTilePath,
  type TreeEdge,
  tilePath,
  tileWidth,
  treeRoot,
  widthAt,
} from './index.ts'

describe('paths', () => {
  test('are those of tlog-tiles', () => {
    expect(tilePath({ level: 0, index: 1234067, width: 256 })).toBe('tile/0/x001/x234/067')
    expect(tilePath({ level: 'entries', index: 0, width: 9 })).toBe('tile/entries/000.p/9')
    expect(tilePath({ level: 2, index: 1000, width: 1 })).toBe('tile/2/x001/000.p/1')
  })

  test('are read back, and no other spelling is', () => {
    const tiles = fc.record({
      level: fc.oneof(fc.nat(7), fc.constant('entries' as const)),
      index: fc.oneof(fc.nat(5000), fc.maxSafeNat()),
      width: fc.integer({ min: 1, max: 256 }),
    })
    fc.assert(
      fc.property(tiles, ({ level, index, width }) => {
        const tile = level === 'entries' ? { level, index, width } : { level, index, width }
        expect(parseTilePath(tilePath(tile))).toEqual(tile)
      }),
    )
    const wrong =
      'tile/0/1 tile/0/0001 tile/0/001/000 tile/0/x000/001 tile/00/001 tile/0/000.p/0 ' +
      'tile/0/000.p/256 tile/0/000.p/01 tile/0/000/ tile/64/000 tile/0/x001 tile/-1/000 ' +
      'tile/0/x999/x999/x999/x999/x999/x999/999 x/tile/0/000 tile/entries/000.p/ checkpoint'
    for (const path of wrong.split(' ')) expect(parseTilePath(path), path).toBeNull()
  })

  test('a tree of 70,000 has the tiles that tlog-tiles counts', () => {
    expect([272, 273, 274].map((index) => widthAt(70_000, 0, index))).toEqual([256, 112, 0])
    expect([0, 1, 2].map((index) => widthAt(70_000, 1, index))).toEqual([256, 17, 0])
    expect([0, 1].map((index) => widthAt(70_000, 2, index))).toEqual([1, 0])
    expect(widthAt(70_000, 'entries', 273)).toBe(112)
    expect(widthAt(256, 1, 0)).toBe(1)
  })
})

describe('entry bundles', () => {
  test('any entries come back; any byte less or more is refused', () =>
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 300 }), { minLength: 1 }), (entries) => {
        const bundle = encodeBundle(entries)
        const decoded = decodeBundle(bundle, entries.length)
        expect(decoded.ok && decoded.entries.map((entry) => [...entry])).toEqual(
          entries.map((entry) => [...entry]),
        )
        expect(decodeBundle(bundle.subarray(0, -1), entries.length).ok).toBe(false)
        expect(decodeBundle(Buffer.concat([bundle, Buffer.of(0)]), entries.length).ok).toBe(false)
        expect(decodeBundle(bundle, entries.length + 1).ok).toBe(false)
        expect(decodeBundle(bundle, entries.length - 1).ok).toBe(false)
      }),
    ))

  test('an entry has at most 65,535 bytes', () => {
    expect(encodeBundle([Buffer.alloc(65_535)]).length).toBe(65_537)
    expect(() => encodeBundle([Buffer.alloc(65_536)])).toThrow(
      expect.objectContaining({ code: 'ledger/entry-too-large' }),
    )
  })
})

describe('growing', () => {
  const entries = plainEntries(1200)
  const whole = growSample(entries)

  test('G2: however entries are cut into batches, tiles, edge and root are the same', () =>
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0, max: 400 })), fc.nat(1200), (batches, size) => {
        const some = entries.slice(0, size)
        const once = growSample(some)
        const cut = growSample(some, batches)
        expect(hexOf(cut.edge)).toEqual(hexOf(once.edge))
        expect(cut.root).toEqual(size === 0 ? emptyRoot() : naiveRoot(some))
        for (const [path, bytes] of once.files) {
          const other = cut.files.get(path)
          expect(other !== undefined && sameHash(other, bytes), path).toBe(true)
        }
      }),
    ))

  test('G1, G3: a full tile is planned once, partial ones as wide as the size demands', () => {
    const seen = new Set<string>()
    let edge = emptyEdge
    for (const entry of entries) {
      const growth = growTree(edge, [entry])
      edge = growth.edge
      for (const { path, tile } of growth.full) {
        expect(seen.has(path)).toBe(false)
        seen.add(path)
        expect(tile.width).toBe(tileWidth)
      }
      for (const { tile } of edgeWrites(edge)) {
        expect(tile.width).toBe(widthAt(edge.size, tile.level, tile.index))
      }
      const changed = growth.partial.map(({ path }) => path)
      expect(changed).toEqual([...new Set(changed)])
    }
    expect(seen).toEqual(new Set([...whole.files.keys()].filter((path) => !path.includes('.p/'))))
  })

  test('tiles hold the hashes that tlog-tiles defines', () => {
    const [leaves, parents] = ['tile/0/003', 'tile/1/000.p/4'].map((path) => whole.files.get(path))
    const bundle = entries.slice(768, 1024)
    expect(leaves).toEqual(Buffer.concat(bundle.map(leafHash)))
    expect(parents?.subarray(96)).toEqual(naiveRoot(bundle))
    expect([...whole.files.keys()].filter((path) => path.startsWith('tile/entries')).length).toBe(5)
  })

  test('an edge that cannot be is refused', () => {
    const { edge } = whole
    const wrong = [
      { ...edge, size: edge.size + 1 },
      { ...edge, tiles: edge.tiles.slice(1) },
      { ...edge, tiles: [Buffer.alloc(0), ...edge.tiles.slice(1)] },
      { ...edge, bundle: Buffer.alloc(0) },
      { ...emptyEdge, size: -1 },
    ]
    for (const each of wrong) {
      expect(() => growTree(each, [])).toThrow(expect.objectContaining({ code: 'ledger/bad-edge' }))
    }
  })

  test('what was given is not changed', () => {
    const { edge } = whole
    const before = edge.tiles.map((tile) => Buffer.from(tile))
    growTree(edge, plainEntries(300))
    expect(edge.tiles.map((tile) => Buffer.from(tile))).toEqual(before)
  })
})

describe('a tree with a tile at level 2', () => {
  const entries = plainEntries(65_536 + 256 + 3)
  const tree = growSample(entries)

  test('has the root that RFC 6962 defines, from its edge and from its tiles', async () => {
    expect(tree.files.get('tile/2/000.p/1')).toEqual(naiveRoot(entries.slice(0, 65_536)))
    expect(tree.root).toEqual(naiveRoot(entries))
    expect(await treeRoot(entries.length, tree.readTile)).toEqual(naiveRoot(entries))
    expect(await treeRoot(0, tree.readTile)).toEqual(emptyRoot())
  })

  test('needs few tiles for a proof, and each only once', async () => {
    const reads: string[] = []
    const proof = await inclusionProof(40_000, entries.length, async (level, index, width) => {
      reads.push(tilePath({ level, index, width }))
      return tree.readTile(level, index, width)
    })
    expect(proof.length).toBe(17)
    expect(reads.length).toBe(new Set(reads).size)
    expect(reads.length).toBeLessThan(7)
  })
})

describe('proofs', () => {
  const { readTile } = growSample(plainEntries(300))

  test('ask for what exists', async () => {
    for (const [index, size] of [
      [300, 300],
      [-1, 300],
      [0.5, 300],
      [0, 0],
    ] as const) {
      await expect(inclusionProof(index, size, readTile)).rejects.toMatchObject({
        code: 'ledger/out-of-range',
      })
    }
    await expect(consistencyProof(2, 1, readTile)).rejects.toMatchObject({
      code: 'ledger/out-of-range',
    })
    expect(await consistencyProof(0, 300, readTile)).toEqual([])
  })

  test('refuse a tile of the wrong length', async () => {
    const short = async () => Buffer.alloc(31)
    await expect(inclusionProof(0, 300, short)).rejects.toMatchObject({ code: 'ledger/bad-tile' })
  })

  test('agree with the root', async () => {
    const root = await treeRoot(300, readTile)
    expect(sameHash(root, naiveRoot(plainEntries(300)))).toBe(true)
  })
})

function hexOf({ size, tiles, bundle }: TreeEdge): readonly string[] {
  return [`${size}`, ...[bundle, ...tiles].map((bytes) => Buffer.from(bytes).toString('hex'))]
}
