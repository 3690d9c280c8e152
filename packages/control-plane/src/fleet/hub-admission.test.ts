// A whole fleet that comes at once, over links of the test's own; the hub's time is the test's.

import { afterAll, beforeAll, expect, test } from 'vitest'
import { type HubBed, helloTo, openHubBed } from './hub-bed.fixture.ts'
import type { Link } from './link.ts'

const perSecond = 1_000
const time = { nowMs: 0 }
let bed: HubBed

beforeAll(async () => {
  const clock = { nowMs: () => time.nowMs, steadyMs: () => time.nowMs, schedule: () => () => {} }
  bed = await openHubBed({ heartbeatMs: 1_000, clock })
})

afterAll(() => bed.stop())

/** Comes now; gives how long it is told to wait, null where it is let in. */
function arrive(id: string): number | null {
  let waitMs: number | null = null
  let isOpen = true
  let take = (_: string) => {}
  const link: Link = {
    isOpen: () => isOpen,
    bufferedBytes: () => 0,
    send: (frame) => {
      const said = JSON.parse(String(frame))
      if (said.type === 'challenge') queueMicrotask(() => take(helloTo(String(frame), id)))
      if (said.type === 'retry') waitMs = said.afterMs
    },
    close: () => {
      isOpen = false
    },
    terminate: () => {
      isOpen = false
    },
    onFrame: (listener) => {
      take = listener
    },
    onClose: () => {},
  }
  bed.hub.accept(link)
  expect(isOpen).toBe(waitMs === null)
  return waitMs
}

test('H6: of a fleet that comes at once each node waits once, for a moment of its own', async () => {
  const ids = Array.from({ length: 1_500 }, (_, i) => `n${i}`)
  const told = new Map(ids.map((id) => [id, arrive(id)]))
  const late = [...told].flatMap(([id, waitMs]) => (waitMs === null ? [] : [{ id, waitMs }]))
  expect(late).toHaveLength(ids.length - perSecond)
  expect(new Set(late.map(({ waitMs }) => waitMs)).size).toBe(late.length)
  expect(Math.min(...late.map(({ waitMs }) => waitMs))).toBeGreaterThanOrEqual(200)
  for (const { id, waitMs } of late) {
    time.nowMs = waitMs
    expect(arrive(id)).toBe(null)
  }
  expect(time.nowMs).toBeLessThan((1_000 * ids.length) / perSecond)
  const isThere = (id: string) => bed.registry.get(id)?.connected === true
  await expect.poll(() => ids.every(isThere)).toBe(true)
})
