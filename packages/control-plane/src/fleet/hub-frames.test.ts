// What a node is sent, in which order, over links in memory and a store that answers when told.

import type { SignedAssignment } from '@tutti/core/fleet'
import { signingPrefix } from '@tutti/core/resource'
import { didKeyOf, newPrivateKey, signText } from '@tutti/ledger'
import { systemClock } from '@tutti/machine'
import { expect, test } from 'vitest'
import type { AssignmentFeed, AssignmentSet } from './assignment-feed.ts'
import { openHub } from './hub.ts'
import type { Link } from './link.ts'
import { openOutbox } from './outbox.ts'
import { openRegistry } from './registry.ts'

const key = newPrivateKey()

interface AssignFrame {
  readonly type: string
  readonly nonce?: string
  readonly checkpoint: string
  readonly consistency?: { readonly fromSize: number; readonly toSize: number }
}

/** One end of a connection in memory: what was sent, and a way to say something. */
function openLink() {
  const frames: AssignFrame[] = []
  let take: ((frame: string) => void) | null = null
  const closes: (() => void)[] = []
  const life = { isOpen: true }
  const end = () => {
    if (!life.isOpen) return
    life.isOpen = false
    for (const one of closes) one()
  }
  const link: Link = {
    isOpen: () => life.isOpen,
    bufferedBytes: () => 0,
    send: (frame) => void frames.push(JSON.parse(String(frame))),
    close: end,
    terminate: end,
    onFrame: (listener) => {
      take = listener
    },
    onClose: (listener) => void closes.push(listener),
  }
  const say = (frame: object) => {
    take?.(JSON.stringify(frame))
  }
  const assigned = () => frames.filter(({ type }) => type === 'assign')
  return { link, frames, say, assigned, end }
}

function setAt(size: number, revision = 1): AssignmentSet {
  const payload = JSON.stringify({ project: 'p', deployment: 'd', generation: 1, revision })
  const signed = { payload } as SignedAssignment // the outbox reads no more of it
  return { checkpoint: { size, note: `at ${size}` }, assignments: [signed] }
}

const proof = (fromSize: number, toSize: number) => ({ fromSize, toSize, hashes: [] })
const settled = () => new Promise((resolve) => setImmediate(resolve))

function openFleet(feed: AssignmentFeed) {
  const registry = openRegistry()
  const spec = { publicKey: didKeyOf(key), labels: {}, cordoned: false }
  const hub = openHub({
    ...{ feed, registry, heartbeatMs: 60_000, clock: systemClock },
    loadNode: async () => spec,
    identity: { sign: () => '' },
    log: { info: () => {}, warn: () => {} },
    onChange: () => {},
    onFacts: () => {},
  })
  const enter = async (checkpointSize: number) => {
    const wire = openLink()
    hub.accept(wire.link)
    const nonce = 'n'.repeat(32)
    const text = `${wire.frames[0]?.nonce}\n${nonce}`
    const signature = signText(key, signingPrefix.hello, text)
    wire.say({ type: 'hello', protocol: 1, node: 'n1', nonce, signature, checkpointSize })
    await settled()
    return wire
  }
  return { hub, registry, enter }
}

test('H5: who could not take a frame in gets all of them again, from where it stands', async () => {
  const feed = {
    newest: async () => setAt(10),
    consistency: async (a: number, b: number) => proof(a, b),
  }
  const { hub, enter } = openFleet(feed)
  const node = await enter(4)
  expect(node.assigned().map(({ consistency }) => consistency?.fromSize)).toEqual([4])
  node.say({ type: 'assign-again', sequence: 0, checkpointSize: 2 })
  await settled()
  expect(node.assigned().map(({ consistency }) => consistency?.fromSize)).toEqual([4, 2])
  await hub.stop()
})

test('H2: the end of an older connection does not end the newer', async () => {
  const feed = {
    newest: async () => null,
    consistency: async (a: number, b: number) => proof(a, b),
  }
  const { hub, registry, enter } = openFleet(feed)
  const older = await enter(0)
  const newer = await enter(0)
  expect([older.link.isOpen(), newer.link.isOpen()]).toEqual([false, true])
  expect(registry.get('n1')?.connected).toBe(true)
  newer.end()
  expect(registry.get('n1')?.connected).toBe(false)
  await hub.stop()
})

test('H5: a frame that was overtaken while its proof was read is not sent after the newer one', async () => {
  let newest = setAt(10)
  const proofs: (() => void)[] = []
  const outbox = openOutbox({
    newest: async () => newest,
    consistency: (a, b) =>
      new Promise((resolve) => {
        proofs.push(() => resolve(proof(a, b)))
      }),
  })
  const { link, assigned } = openLink()
  const receiver = { link, sentSize: 3 }
  const first = outbox.sendAll(receiver)
  await settled()
  newest = setAt(12, 2)
  const second = outbox.push([receiver])
  await settled()
  for (let i = 0; i < 8; i++) {
    proofs.pop()?.() // the newest question is answered first
    await settled()
  }
  await Promise.all([first, second])
  let at = 3
  for (const { consistency } of assigned()) {
    expect(consistency?.fromSize).toBe(at) // goes on from the frame before
    at = consistency?.toSize ?? 0
  }
  expect(at).toBe(12)
})
