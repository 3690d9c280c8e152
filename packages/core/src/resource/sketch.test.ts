import fc from 'fast-check'
import { expect, test } from 'vitest'
import {
  addLatency,
  countAbove,
  emptySketch,
  mergeSketches,
  newBuckets,
  quantile,
  type Sketch,
  sketch,
  sketchCount,
  takeSketch,
} from './sketch.ts'

const latencies = fc.array(fc.double({ min: 10, max: 1e8, noNaN: true }), { maxLength: 200 })

test('S1: a quantile is within 1 % of the value it stands for', () => {
  fc.assert(
    fc.property(latencies, fc.double({ min: 0, max: 1, noNaN: true }), (values, q) => {
      fc.pre(values.length > 0)
      const sorted = [...values].sort((a, b) => a - b)
      const exact = sorted[Math.max(1, Math.ceil(q * sorted.length)) - 1] ?? Number.NaN
      expect(Math.abs(quantile(sketchOf(values), q) / exact - 1)).toBeLessThanOrEqual(0.010_001)
    }),
  )
})

test('S2: merging commutes, associates and equals counting everything in one place', () => {
  fc.assert(
    fc.property(latencies, latencies, latencies, (a, b, c) => {
      const [x, y, z] = [sketchOf(a), sketchOf(b), sketchOf(c)]
      expect(mergeSketches(x, y)).toEqual(mergeSketches(y, x))
      expect(mergeSketches(mergeSketches(x, y), z)).toEqual(sketchOf([...a, ...b, ...c]))
      expect(mergeSketches(x, emptySketch)).toEqual(x)
    }),
  )
})

test('what is counted, taken and sent is accepted by the schema, unchanged', () => {
  fc.assert(
    fc.property(latencies, (values) => {
      const sent: unknown = JSON.parse(JSON.stringify(sketchOf(values)))
      expect(sketch.parse(sent)).toEqual(sketchOf(values))
      expect(sketchCount(sketch.parse(sent))).toBe(values.length)
    }),
  )
})

test('a take holds what came since the last take', () => {
  const buckets = newBuckets()
  addLatency(buckets, 500)
  expect(sketchCount(takeSketch(buckets))).toBe(1)
  expect(takeSketch(buckets)).toEqual(emptySketch)
})

test('values beyond either end are counted at that end', () => {
  const values = sketchOf([0, -3, Number.NaN, 1, 1e12, Number.POSITIVE_INFINITY])
  expect(sketchCount(values)).toBe(6)
  expect(quantile(values, 0)).toBe(10)
  expect(quantile(values, 1)).toBe(1e8)
})

test('counting above a value is off by no more than its bucket', () => {
  fc.assert(
    fc.property(latencies, fc.double({ min: 20, max: 5e7, noNaN: true }), (values, bound) => {
      const above = countAbove(sketchOf(values), bound)
      expect(above).toBeGreaterThanOrEqual(values.filter((v) => v > bound * 1.0203).length)
      expect(above).toBeLessThanOrEqual(values.filter((v) => v > bound).length)
    }),
  )
})

test.each([[[1]], [[3, 1, 3, 1]], [[5, 1, 4, 1]], [[99_999, 1]], [[1, 0]], [[1, -1]], [[0.5, 1]]])(
  'refuses %j',
  (numbers) => {
    expect(sketch.safeParse(numbers).success).toBe(false)
  },
)

function sketchOf(values: readonly number[]): Sketch {
  const buckets = newBuckets()
  for (const value of values) addLatency(buckets, value)
  return takeSketch(buckets)
}
