import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { hash32 } from '../resource/index.ts'
import { pickSource, type SwarmView, uploadsMax } from './pick-source.ts'

const pieceBytes = 10
const sizeBytes = 95
const asker = { node: 'me', haveBytes: 0, refused: new Set<string>() }
const view: SwarmView = {
  ...{ sizeBytes, pieceBytes, members: [], orders: [], accusers: new Map(), isOriginFree: true },
}
const member = (node: string, offerBytes: number) => ({ node, offerBytes })

describe('pick source', () => {
  test('the first of a site gets one piece from the origin, the others wait for it (S1)', () => {
    expect(pickSource(view, asker)).toEqual({ kind: 'origin', start: 0, end: 10 })
    const orders = [{ to: 'first', from: null }]
    expect(pickSource({ ...view, orders }, asker)).toEqual({ kind: 'wait' })
  })

  test('it goes on in the middle of a piece, and the last one is short', () => {
    const at = (haveBytes: number) => pickSource(view, { ...asker, haveBytes })
    expect(at(13)).toEqual({ kind: 'origin', start: 13, end: 20 })
    expect(at(90)).toEqual({ kind: 'origin', start: 90, end: 95 })
  })

  test('what a neighbour has comes from it, even where the origin is free (S2)', () => {
    const members = [member('near', 30), member('me', 95)]
    expect(pickSource({ ...view, members }, asker)).toEqual({
      ...{ kind: 'peer', node: 'near', start: 0, end: 30 },
    })
    const ahead = pickSource({ ...view, members }, { ...asker, haveBytes: 30 })
    expect(ahead).toEqual({ kind: 'origin', start: 30, end: 40 })
    const failed = { ...asker, refused: new Set(['near']) }
    expect(pickSource({ ...view, members }, failed).kind).toBe('origin')
  })

  test('a busy neighbour is waited for, a less busy one is taken (S3)', () => {
    const orders = Array.from({ length: uploadsMax }, (_, i) => ({ to: `n${i}`, from: 'busy' }))
    const members = [member('busy', 95)]
    expect(pickSource({ ...view, members, orders }, asker)).toEqual({ kind: 'wait' })
    const both = [...members, member('idle', 95)]
    expect(pickSource({ ...view, members: both, orders }, asker)).toMatchObject({ node: 'idle' })
  })

  test('one accuser shuns a neighbour, two outlaw it (S4)', () => {
    const members = [member('liar', 95)]
    const kindFor = (...accusers: string[]) =>
      pickSource({ ...view, members, accusers: new Map([['liar', new Set(accusers)]]) }, asker).kind
    expect(kindFor('me')).toBe('origin')
    expect(kindFor('other')).toBe('peer')
    expect(kindFor('other', 'third')).toBe('origin')
  })

  test('where the origin is full, everybody waits', () => {
    expect(pickSource({ ...view, isOriginFree: false }, asker)).toEqual({ kind: 'wait' })
  })
})

/** A site that fetches one file in turns: each turn every node finishes its order, or dies. */
function fetchAsSite(of: {
  nodes: number
  pieces: number
  seed: number
  liars: number
  dead: number
}) {
  const file = { sizeBytes: of.pieces * 10 - 3, pieceBytes: 10 }
  const chance = (text: string) => hash32(`${of.seed}/${text}`) / 2 ** 32
  const live = new Map(Array.from({ length: of.nodes }, (_, i) => [`n${i}`, 0]))
  const refused = new Map([...live.keys()].map((node) => [node, new Set<string>()]))
  const accusers = new Map<string, Set<string>>()
  const isLiar = (node: string) => Number(node.slice(1)) < of.liars
  let originBytes = 0
  let toKill = of.dead
  for (let turn = 0; turn < 4_000; turn++) {
    const orders: { to: string; from: string | null }[] = []
    const done: (() => void)[] = []
    for (const [node, haveBytes] of live) {
      if (haveBytes === file.sizeBytes) continue
      const members = [...live].map(([name, bytes]) => ({
        ...{ node: name, offerBytes: bytes === file.sizeBytes ? bytes : bytes - (bytes % 10) },
      }))
      const self = { node, haveBytes, refused: refused.get(node) ?? new Set<string>() }
      const choice = pickSource({ ...file, members, orders, accusers, isOriginFree: true }, self)
      if (choice.kind === 'wait') continue
      const from = choice.kind === 'peer' ? choice.node : null
      orders.push({ to: node, from })
      if (from === null) originBytes += choice.end - choice.start
      done.push(() => {
        if (from !== null && isLiar(from)) {
          const known = accusers.get(from) ?? new Set<string>()
          accusers.set(from, known.add(node))
        } else if (live.has(node)) live.set(node, choice.end)
      })
    }
    expect(orders.filter(({ from }) => from === null).length).toBeLessThanOrEqual(1) // S1
    for (const giver of live.keys()) {
      expect(orders.filter(({ from }) => from === giver).length).toBeLessThanOrEqual(uploadsMax) // S3
    }
    const victim = [...live.keys()].find((node) => toKill > 0 && chance(`${turn}/${node}`) < 0.02)
    if (victim !== undefined && live.size > 1) {
      live.delete(victim)
      toKill -= 1
    }
    for (const finish of done) finish()
    if ([...live.values()].every((bytes) => bytes === file.sizeBytes)) {
      return { originBytes, ...file, turns: turn }
    }
    expect(orders.length, 'nobody can go on').toBeGreaterThan(0)
  }
  throw new Error('the site never has it all')
}

test('a site gets a file whole, and little more than once, whoever dies or lies', () => {
  const site = fc.record({
    nodes: fc.integer({ min: 1, max: 40 }),
    pieces: fc.integer({ min: 1, max: 32 }),
    seed: fc.nat(),
    liars: fc.integer({ min: 0, max: 2 }),
    dead: fc.integer({ min: 0, max: 10 }),
  })
  fc.assert(
    fc.property(site, (of) => {
      const { originBytes, sizeBytes: size } = fetchAsSite(of)
      // A node that dies takes with it the piece that it alone had, and the one it was fetching; a liar
      // that is in front makes its two accusers and who follows them fetch what it has once more.
      const lost = of.dead * 20 + of.liars * (size + 20)
      expect(originBytes).toBeLessThanOrEqual(size + lost)
    }),
    { numRuns: 60 },
  )
})
