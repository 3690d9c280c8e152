// Who is told to fetch from whom, on a clock that the test turns.

import { pieceBytesOf, type SourceAsk } from '@tutti/core/fleet'
import { beforeEach, describe, expect, test } from 'vitest'
import { openRegistry, type Registry } from './registry.ts'
import { openSwarms, type Swarms } from './swarms.ts'

const file = { digest: `sha256:${'a'.repeat(64)}`, sizeBytes: 100_000_000 }
const pieceBytes = pieceBytesOf(file.sizeBytes)

let registry: Registry
let swarms: Swarms
let nowMs = 0
let timers: { readonly atMs: number; readonly call: () => void }[] = []
const holders = new Set<string>()

/** Turns the clock, and lets what waits for promises go on. */
async function pass(ms: number): Promise<void> {
  const untilMs = nowMs + ms
  for (;;) {
    const next = timers.filter(({ atMs }) => atMs <= untilMs).sort((a, b) => a.atMs - b.atMs)[0]
    if (next === undefined) break
    timers = timers.filter((one) => one !== next)
    nowMs = next.atMs
    next.call()
    await new Promise((resolve) => setImmediate(resolve))
  }
  nowMs = untilMs
}

function addNode(id: string, site: string | null, isDialable = true): void {
  const labels = site === null ? {} : { site }
  const facts = {
    ...{ version: 't', os: 'linux', arch: 'x64', cpus: 1, memoryBytes: 1, diskFreeBytes: 1 },
    ...{
      formats: ['onnx' as const],
      runtime: 'r',
      ...(isDialable ? { endpoint: `http://${id}` } : {}),
    },
  }
  registry.declare({ id, labels, cordoned: false }, facts)
  registry.connect(id, 0)
}

beforeEach(() => {
  nowMs = 0
  timers = []
  holders.clear()
  registry = openRegistry()
  const schedule = (delayMs: number, call: () => void) => {
    const one = { atMs: nowMs + delayMs, call }
    timers.push(one)
    return () => {
      timers = timers.filter((other) => other !== one)
    }
  }
  swarms = openSwarms({
    clock: { nowMs: () => nowMs, steadyMs: () => nowMs, schedule },
    registry,
    holds: ({ id }) => holders.has(id),
  })
  for (const id of ['a', 'b', 'c', 'd', 'e', 'f']) addNode(id, 'north')
})

function ask(node: string, haveBytes: number, more: Partial<SourceAsk> = {}) {
  const said = { haveBytes, offerBytes: haveBytes, failed: [], keep: false, ...more }
  return swarms.ask({ node, file, ask: said, signal: new AbortController().signal })
}
const piece = (i: number) => ({ start: i * pieceBytes, end: (i + 1) * pieceBytes })

describe('a site that fetches a file', () => {
  test('one goes to the origin; who waits is told as soon as there is something', async () => {
    expect(await ask('a', 0)).toEqual({ kind: 'origin', ...piece(0) })
    const waiting = ask('b', 0)
    expect(await ask('a', pieceBytes)).toEqual({ kind: 'origin', ...piece(1) })
    await pass(10)
    expect(await waiting).toEqual({ kind: 'peer', node: 'a', ...piece(0) })
  })

  test('who leaves with the order of the site gives it up, and the next goes on (S5)', async () => {
    await ask('a', 0)
    const waiting = ask('b', 0)
    registry.disconnect('a')
    await pass(1_000)
    expect(await waiting).toEqual({ kind: 'origin', ...piece(0) })
  })

  test('an order lapses when its node says nothing, not while it says that bytes come (S5)', async () => {
    await ask('a', 0)
    for (let i = 1; i <= 6; i++) {
      await pass(5_000)
      await ask('a', i * 1_000, { keep: true, offerBytes: 0 })
    }
    const waiting = ask('b', 0)
    await pass(11_000)
    expect(await waiting).toEqual({ kind: 'wait' }) // the order of a is 41 s old, and alive
    const again = ask('b', 0)
    await pass(9_800)
    expect(await again).toEqual({ kind: 'origin', ...piece(0) })
  })

  test('a node that only says it is there, without more bytes, loses its order', async () => {
    await ask('a', 0)
    for (let i = 0; i < 5; i++) {
      await pass(5_000)
      await ask('a', 0, { keep: true })
    }
    expect(await ask('b', 0)).toEqual({ kind: 'origin', ...piece(0) })
  })

  test('nobody waits longer than ten seconds for an answer', async () => {
    await ask('a', 0)
    const waiting = ask('b', 0)
    await pass(11_000)
    expect(await waiting).toEqual({ kind: 'wait' })
  })

  test('those who reported the release give it, though the control plane has just started', async () => {
    holders.add('f')
    expect(await ask('a', 0)).toMatchObject({ kind: 'peer', node: 'f', start: 0 })
  })

  test('a neighbour that cannot be dialled gives nothing', async () => {
    addNode('quiet', 'north', false)
    holders.add('quiet')
    expect(await ask('a', 0)).toMatchObject({ kind: 'origin' })
  })

  test('one that failed is not asked again for a while, and then is', async () => {
    holders.add('f')
    await ask('a', 0)
    const failed = [{ node: 'f', reason: 'unreachable' as const }]
    expect(await ask('a', 0, { failed })).toMatchObject({ kind: 'origin' })
    await pass(10_001)
    expect(await ask('a', 0)).toMatchObject({ kind: 'peer', node: 'f' })
  })

  test('two who got wrong bytes of it outlaw a neighbour, one does not', async () => {
    holders.add('f')
    const failed = [{ node: 'f', reason: 'wrong-bytes' as const }]
    expect(await ask('a', 0, { failed })).toMatchObject({ kind: 'origin' })
    expect(await ask('b', 0)).toMatchObject({ kind: 'peer', node: 'f' })
    const accusing = ask('b', 0, { failed })
    const third = ask('c', 0)
    registry.disconnect('a')
    await pass(11_000)
    const kinds = [(await accusing).kind, (await third).kind]
    expect(kinds).toEqual(['origin', 'wait'])
  })

  test('another site does not wait for this one, nor fetch from it', async () => {
    addNode('z', 'south')
    holders.add('f')
    expect(await ask('a', 0)).toMatchObject({ kind: 'peer' })
    expect(await ask('z', 0)).toMatchObject({ kind: 'origin' })
  })

  test('machines of no site are on no site together', async () => {
    addNode('lone', null)
    addNode('other', null)
    holders.add('other')
    expect(await ask('lone', 0)).toMatchObject({ kind: 'origin' })
    expect(await ask('other', 0)).toMatchObject({ kind: 'origin' })
  })

  test('the origin serves 64 pieces at once, whoever asks', async () => {
    const names = Array.from({ length: 70 }, (_, i) => `n${i}`)
    for (const name of names) addNode(name, `site-${name}`)
    const choices = names.map((name) => ask(name, 0))
    await pass(11_000)
    const kinds = (await Promise.all(choices)).map(({ kind }) => kind)
    expect(kinds.filter((kind) => kind === 'origin').length).toBe(64)
    expect(kinds.filter((kind) => kind === 'wait').length).toBe(6)
  })
})
