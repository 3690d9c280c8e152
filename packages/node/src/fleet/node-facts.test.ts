import type { CpuInfo } from 'node:os'
import { expect, test } from 'vitest'
import { openLoadMeter } from './node-facts.ts'

function core(user: number, sys: number, idle: number): CpuInfo {
  return { model: '', speed: 0, times: { user, nice: 0, sys, idle, irq: 0 } }
}

test('the load of a machine is the share of its cores that was in use since it was last told', () => {
  const told = [
    [core(1_000, 500, 9_000), core(0, 0, 10_500)],
    [core(1_600, 900, 9_000), core(500, 0, 11_000)], // 1,500 of 2,000 ms
    [core(1_600, 900, 9_000), core(500, 0, 11_000)], // counted in steps of 10 ms: nothing new yet
    [core(1_600, 900, 8_990), core(500, 0, 11_000)], // idle may go back a little
    [core(2_600, 900, 9_000), core(1_500, 0, 11_000)], // both, all of the time
    [core(2_600, 900, 10_000), core(1_500, 0, 12_000)],
  ]
  const meter = openLoadMeter(() => told.shift() ?? [])
  expect(meter(3)).toMatchObject({ inflight: 3, cpu: 0.75 })
  expect([1, 2, 3, 4].map(() => meter(0).cpu)).toEqual([0.75, 0.75, 1, 0])
})

test('no more of a machine is in use than it has', () => {
  const meter = openLoadMeter()
  for (let i = 0; i < 1_000; i++) {
    expect(meter(0).cpu).toBeGreaterThanOrEqual(0)
    expect(meter(0).cpu).toBeLessThanOrEqual(1)
  }
})
