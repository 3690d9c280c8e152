import fc from 'fast-check'
import { expect, test } from 'vitest'
import { filled, fullBucket, resized, taken, waitMs } from './rate-limit.ts'

const perMinute = fc.integer({ min: 1, max: 600 })

test('in no minute more goes through than a full bucket and what fills it meanwhile', () => {
  const calls = fc.array(
    fc.record({ afterMs: fc.nat(30_000), count: fc.integer({ min: 1, max: 50 }) }),
  )
  fc.assert(
    fc.property(perMinute, calls, (limit, list) => {
      let bucket = fullBucket(limit, 0)
      let nowMs = 0
      let gone = 0
      for (const { afterMs, count: asked } of list) {
        const count = Math.min(asked, limit)
        nowMs += afterMs
        bucket = filled(bucket, limit, nowMs)
        expect(bucket.level).toBeLessThanOrEqual(limit)
        if (waitMs(bucket, limit, count) > 0) continue
        bucket = taken(bucket, count)
        gone += count
        expect(gone).toBeLessThanOrEqual(limit + (nowMs * limit) / 60_000 + 1e-6)
      }
    }),
  )
})

test('who waits as long as is said may go, and not a millisecond before', () => {
  const level = fc.integer({ min: -600, max: 600 })
  fc.assert(
    fc.property(perMinute, level, fc.integer({ min: 1, max: 50 }), (limit, level, count) => {
      const bucket = { level: Math.min(level, limit), atMs: 1_000 }
      const ms = waitMs(bucket, limit, count)
      const needed = Math.min(count, limit) // more than a full bucket there never is
      expect(ms === 0).toBe(bucket.level >= needed)
      expect(filled(bucket, limit, 1_000 + ms).level).toBeGreaterThanOrEqual(needed - 1e-9)
      if (ms > 1) expect(filled(bucket, limit, 1_000 + ms - 1).level).toBeLessThan(needed)
    }),
  )
})

test('a clock that goes back takes nothing away, and without a limit nobody waits', () => {
  expect(filled({ level: 3, atMs: 1_000 }, 60, 400)).toEqual({ level: 3, atMs: 400 })
  const endless = filled(taken(fullBucket(Infinity, 0), 5), Infinity, 0)
  expect([endless.level, waitMs(endless, Infinity, 1_000)]).toEqual([Infinity, 0])
})

test('a bucket whose limit becomes another is as full as it was; of none before it is full', () => {
  const half = { level: 30, atMs: 7 }
  expect(resized(half, 60, 60)).toBe(half)
  expect(resized(half, 60, 120)).toEqual({ level: 60, atMs: 7 })
  expect(resized({ level: -30, atMs: 7 }, 60, 10)).toEqual({ level: -5, atMs: 7 })
  expect(resized({ level: Infinity, atMs: 7 }, Infinity, 10)).toEqual({ level: 10, atMs: 7 })
  expect(resized(half, 60, Infinity)).toEqual({ level: Infinity, atMs: 7 })
})
