// A connection that ends while the hub still looks up who it is, with a store that answers when told.

import { once } from 'node:events'
import type { Socket } from 'node:net'
import { systemClock } from '@tutti/machine'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { WebSocket } from 'ws'
import { type HubBed, nodeSpec, openHubBed } from './hub-bed.fixture.ts'

const lookups: (() => void)[] = []
const arrivals: (() => void)[] = []
let bed: HubBed

beforeAll(async () => {
  bed = await openHubBed({
    loadNode: () =>
      new Promise((resolve) => {
        lookups.push(() => resolve(nodeSpec))
        for (const one of arrivals.splice(0)) one()
      }),
    heartbeatMs: 60_000,
    clock: { ...systemClock, nowMs: () => 0 },
  })
})

afterAll(() => bed.stop())

/** Says hello and resolves when the hub looks the node up. */
async function greet(): Promise<{ node: WebSocket; there: Socket }> {
  const accepted = once(bed.server, 'connection')
  const lookedUp = new Promise<void>((resolve) => arrivals.push(resolve))
  const node = await bed.greet('n1')
  await lookedUp
  const [there] = await accepted
  return { node, there }
}

test('I4: a node that left during its lookup is not connected, and gets no session', async () => {
  const { node, there } = await greet()
  const left = once(there, 'close')
  node.terminate()
  await left
  await new Promise((resolve) => setImmediate(resolve)) // the hub hears of it in this turn
  lookups.shift()?.()
  await new Promise((resolve) => setImmediate(resolve))
  expect(bed.registry.get('n1')?.connected ?? false).toBe(false)
})

test('one that stays is connected, until it leaves', async () => {
  const { node, there } = await greet()
  lookups.shift()?.()
  await once(node, 'message')
  expect(bed.registry.get('n1')?.connected).toBe(true)
  const left = once(there, 'close')
  node.terminate()
  await left
  await new Promise((resolve) => setImmediate(resolve))
  expect(bed.registry.get('n1')?.connected).toBe(false)
})
