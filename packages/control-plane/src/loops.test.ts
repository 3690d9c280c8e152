// When loops turn: soon after a wake-up, and never so often that they eat the core that they share.

import type { Clock } from '@tutti/machine'
import { expect, test } from 'vitest'
import { type Loop, startLoops } from './loops.ts'

/** A clock that stands still until it is told. */
class HandClock implements Clock {
  #atMs = 0
  readonly #due = new Set<{ readonly atMs: number; readonly call: () => void }>()

  readonly nowMs = () => this.#atMs
  readonly steadyMs = () => this.#atMs
  readonly schedule = (delayMs: number, call: () => void) => {
    const timer = { atMs: this.#atMs + delayMs, call }
    this.#due.add(timer)
    return () => this.#due.delete(timer)
  }

  /** Lets time pass, timer by timer, with all that follows from each. */
  async pass(ms: number): Promise<void> {
    const untilMs = this.#atMs + ms
    for (;;) {
      const [next] = [...this.#due].sort((a, b) => a.atMs - b.atMs)
      if (next === undefined || next.atMs > untilMs) break
      this.#due.delete(next)
      this.#atMs = next.atMs
      next.call()
      await new Promise((resolve) => setImmediate(resolve))
    }
    this.#atMs = untilMs
  }
}

/** A loop whose turns take `turnMs`, and when each began. */
function looping(pace: Omit<Loop, 'name' | 'turn'>, turnMs: number) {
  const clock = new HandClock()
  const began: number[] = []
  const turn = () => {
    began.push(clock.steadyMs())
    return new Promise<void>((resolve) => clock.schedule(turnMs, resolve))
  }
  const loops = startLoops([{ name: 'one', ...pace, turn }], () => {}, clock)
  return { clock, began, wake: () => loops.wake('one') }
}

/** Wakes it every millisecond. */
async function storm(of: ReturnType<typeof looping>, ms: number): Promise<void> {
  for (let i = 0; i < ms; i++) {
    of.wake()
    await of.clock.pass(1)
  }
}

test('what time alone brings is not waited for longer than it takes', async () => {
  let dueMs = 300
  const dueInMs = () => dueMs
  const of = looping({ everyMs: 1_000, gatherMs: 5, dueInMs }, 10)
  await of.clock.pass(320)
  expect(of.began).toEqual([0, 310])
  dueMs = Number.POSITIVE_INFINITY
  await of.clock.pass(2_000)
  expect(of.began).toEqual([0, 310, 620, 1_630])
})

test('without events it turns with its period, and an event brings the turn forward', async () => {
  const of = looping({ everyMs: 1_000, gatherMs: 5 }, 10)
  await of.clock.pass(2_500)
  expect(of.began).toEqual([0, 1_010, 2_020])
  of.wake()
  await of.clock.pass(20)
  expect(of.began.at(-1)).toBe(2_510) // it gathers as long as the last turn took
})

test('in a storm of events it rests as long as it works', async () => {
  const of = looping({ everyMs: 1_000, gatherMs: 5 }, 100)
  await storm(of, 990)
  expect(of.began).toEqual([0, 200, 400, 600, 800])
})

test('where somebody waits for the turn it rests no longer than it says', async () => {
  const of = looping({ everyMs: 1_000, gatherMs: 5, gatherMsMax: 25 }, 100)
  await storm(of, 990)
  expect(of.began).toEqual([0, 125, 250, 375, 500, 625, 750, 875])
})
