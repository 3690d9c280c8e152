import type { Prediction } from '@tutti/core/fleet'
import { sketchCount } from '@tutti/core/resource'
import { expect, test } from 'vitest'
import { labelRows } from './label.ts'
import { RecentPredictions } from './recent-predictions.ts'
import { Telemetry } from './telemetry.ts'

const of = { model: 'parts', release: 'sha256:1' }

test('feedback is counted once per item, for the release that answered', () => {
  const telemetry = new Telemetry()
  const recent = new RecentPredictions(telemetry)
  recent.remember('a', of, ['cat', 'dog', null])
  expect(recent.judge('a', 0, 'cat')).toEqual({ ok: true, correct: true, counted: true })
  expect(recent.judge('a', 0, 'cat')).toEqual({ ok: true, correct: true, counted: false })
  expect(recent.judge('a', 0, 'dog')).toEqual({ ok: false, reason: 'contradiction' })
  expect(recent.judge('a', 1, 'cat')).toEqual({ ok: true, correct: false, counted: true })
  expect(recent.judge('a', 2, 'cat')).toEqual({ ok: false, reason: 'no-label' })
  expect(recent.judge('a', -1, 'cat')).toEqual({ ok: false, reason: 'no-label' })
  expect(recent.judge('b', 0, 'cat')).toEqual({ ok: false, reason: 'unknown-request' })
  expect(telemetry.take()).toMatchObject([{ ...of, correct: 1, incorrect: 1, requests: 0 }])
})

test('the oldest requests are forgotten, by number and by labels', () => {
  const recent = new RecentPredictions(new Telemetry())
  for (let i = 0; i <= 10_000; i++) recent.remember(`${i}`, of, ['x'])
  expect(recent.judge('0', 0, 'x')).toMatchObject({ reason: 'unknown-request' })
  expect(recent.judge('1', 0, 'x')).toMatchObject({ ok: true })
  recent.remember('great', of, Array(99_999).fill('x'))
  expect(recent.judge('9999', 0, 'x')).toMatchObject({ reason: 'unknown-request' })
  expect(recent.judge('10000', 0, 'x')).toMatchObject({ ok: true })
})

test('counts are deltas, and what could not be sent comes with the next', () => {
  const telemetry = new Telemetry()
  telemetry.countAnswer(of, 500)
  telemetry.countError(of)
  const unsent = telemetry.take()
  expect(unsent).toMatchObject([{ ...of, requests: 2, errors: 1 }])
  expect(telemetry.take()).toEqual([])
  telemetry.countAnswer(of, 700)
  telemetry.giveBack(unsent)
  const [all] = telemetry.take()
  expect(all).toMatchObject({ requests: 3, errors: 1 })
  expect(sketchCount(all?.latency ?? [])).toBe(2)
})

test('telemetry holds no more releases than a heartbeat carries', () => {
  const telemetry = new Telemetry()
  for (let i = 0; i < 100; i++) telemetry.countAnswer({ model: 'm', release: `${i}` }, 1)
  const releases = telemetry.take().map(({ release }) => release)
  expect(releases).toEqual(Array.from({ length: 64 }, (_, i) => `${i + 36}`))
})

test('labels: argmax by row, threshold by element, none for NaN', () => {
  const output = (shape: number[], values: number[]) =>
    [{ name: 'y', datatype: 'FP32', shape, data: new Float32Array(values) }] as const
  const argmax: Prediction = { kind: 'argmax', output: 'y', labels: ['a', 'b'] }
  const threshold: Prediction = {
    kind: 'threshold',
    output: 'y',
    threshold: 0.5,
    labels: ['no', 'yes'],
  }
  const nan = Number.NaN
  expect(labelRows(argmax, output([3, 3], [1, 2, 0, 0, 0, 9, nan, -1, nan]))).toEqual([
    'b',
    null,
    'b',
  ])
  expect(labelRows(argmax, output([1, 2], [nan, nan]))).toEqual([null])
  expect(labelRows(threshold, output([3], [0.4, 0.5, nan]))).toEqual(['no', 'yes', null])
  expect(labelRows({ ...argmax, output: 'z' }, output([1, 2], [1, 2]))).toEqual([])
})
