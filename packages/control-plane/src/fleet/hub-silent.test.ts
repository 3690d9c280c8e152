// A connection that is half open: the node's end is gone and nobody says so. The hub's time is the test's.

import { once } from 'node:events'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { WebSocket } from 'ws'
import { type HubBed, openHubBed } from './hub-bed.fixture.ts'

const heartbeatMs = 1_000
const time = { nowMs: 0, looks: [] as (() => void)[] }
let bed: HubBed

beforeAll(async () => {
  bed = await openHubBed({
    heartbeatMs,
    clock: {
      nowMs: () => time.nowMs,
      steadyMs: () => time.nowMs,
      schedule: (delayMs, call) => {
        if (delayMs === heartbeatMs) time.looks.push(call)
        return () => {}
      },
    },
  })
})

afterAll(() => bed.stop())

async function connect(id: string): Promise<WebSocket> {
  const node = await bed.greet(id)
  await once(node, 'message')
  return node
}

/** The hub looks once, at that time. */
function lookAt(nowMs: number): void {
  time.nowMs = nowMs
  for (const look of time.looks.splice(0)) look()
}

test('I4: a half-open connection is ended after two and a half heartbeats, one that beats is not', async () => {
  const { registry } = bed
  const silent = await connect('silent')
  const alive = await connect('alive')
  const beat = async (sequence: number) => {
    const load = { inflight: 0, cpu: 0, memoryUsedBytes: 0 }
    alive.send(JSON.stringify({ type: 'heartbeat', sequence, load, telemetry: [] }))
    await expect.poll(() => registry.get('alive')?.seenMs).toBe(time.nowMs)
  }
  lookAt(1_000)
  await beat(0)
  lookAt(2_400)
  expect(registry.get('silent')?.connected).toBe(true)
  await beat(1)
  const ended = once(silent, 'close')
  lookAt(2_600)
  await ended
  await expect.poll(() => registry.get('silent')?.connected).toBe(false)
  expect(registry.get('alive')?.connected).toBe(true)
  alive.terminate()
})
