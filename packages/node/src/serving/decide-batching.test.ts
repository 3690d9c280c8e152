import fc from 'fast-check'
import { expect, test } from 'vitest'
import {
  type BatchingState,
  batchingStart,
  batchLimit,
  batchMode,
  decideBatching,
} from './decide-batching.ts'

/** Plays crowded runs until a decision: what an item costs depends on the mode and the run's number. */
function play(cost: (mode: 'single' | 'batched', run: number) => number, batch = 16) {
  let state: BatchingState = batchingStart
  let nowMicros = 0
  const modes = { single: 0, batched: 0 }
  for (let run = 0; run < 100_000 && state.phase === 'measuring'; run++) {
    const mode = batchMode(state)
    const items = mode === 'single' ? 1 : batch
    const micros = items * cost(mode, run)
    modes[mode] += micros
    nowMicros += micros
    state = decideBatching(state, { mode, items, micros, crowded: true }, nowMicros)
  }
  return { state, modes, nowMicros }
}

const micros = fc.double({ min: 20, max: 20_000, noNaN: true })

test('B1: a model that loses by batching is never batched', () => {
  fc.assert(
    fc.property(micros, fc.double({ min: 1, max: 20, noNaN: true }), (single, slower) => {
      const { state } = play((mode) => (mode === 'single' ? single : single * slower))
      expect(state).toMatchObject({ phase: 'settled', mode: 'single' })
    }),
  )
})

test('B1: a model that gains a quarter or more is batched', () => {
  fc.assert(
    fc.property(micros, fc.double({ min: 1.26, max: 50, noNaN: true }), (single, faster) => {
      const { state } = play((mode) => (mode === 'single' ? single : single / faster))
      expect(state).toMatchObject({ phase: 'settled', mode: 'batched' })
    }),
  )
})

test('B2: a decision comes however wildly the costs vary', () => {
  fc.assert(
    fc.property(fc.array(micros, { minLength: 50, maxLength: 50 }), (costs) => {
      const { state } = play((_, run) => costs[run % 50] ?? 1)
      expect(state.phase).toBe('settled')
    }),
  )
})

test('B3: neither mode is favoured by a machine that grows steadily slower', () => {
  const { state } = play((_, run) => 100 * 1.0005 ** run, 1)
  expect(state).toMatchObject({ phase: 'settled', mode: 'single' })
})

test('the same decision is tested ever more seldom, another one soon', () => {
  let state: BatchingState = play(() => 100).state
  const waits: number[] = []
  for (let round = 0; round < 9 && state.phase === 'settled'; round++) {
    waits.push(state.retestAfterMicros / 1e6)
    state = replay(state, 1)
  }
  expect(waits).toEqual([10, 20, 40, 80, 160, 320, 600, 600, 600])
  expect(replay(state, 8)).toMatchObject({ mode: 'batched', retestAfterMicros: 10_000_000 })
})

test('runs without company teach nothing', () => {
  const run = { mode: 'single', items: 1, micros: 1e9, crowded: false } as const
  expect(decideBatching(batchingStart, run, 1)).toBe(batchingStart)
})

test('a batch is as great as it may be and still ends within a tenth of a second', () => {
  fc.assert(
    fc.property(fc.integer({ min: 2, max: 4096 }), micros, (batchMax, perItem) => {
      const limit = batchLimit(batchMax, perItem)
      expect(limit).toBeGreaterThanOrEqual(2)
      expect(limit).toBeLessThanOrEqual(batchMax)
      if (limit > 2) expect(limit * perItem).toBeLessThanOrEqual(100_000)
    }),
  )
})

/** From one settled state to the next, batching being `gain` times as fast. */
function replay(settled: BatchingState, gain: number): BatchingState {
  let state = settled
  let nowMicros = settled.phase === 'settled' ? settled.retestAtMicros : 0
  do {
    const mode = batchMode(state)
    const run = { mode, items: 10, micros: mode === 'single' ? 1_000 : 1_000 / gain, crowded: true }
    state = decideBatching(state, run, nowMicros)
    nowMicros += run.micros
  } while (state.phase === 'measuring')
  return state
}
