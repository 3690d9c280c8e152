// Each clock of an attempt by its name, in virtual time: what it waits for, and that it waits no longer.

import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { type AnswerReading, Attempt, type AttemptTimers } from './attempt.ts'
import { Watch } from './watch.ts'

beforeEach(() => {
  vi.useFakeTimers()
})
afterEach(() => {
  vi.useRealTimers()
})

const longMs = 3_600_000
const none: AttemptTimers = {
  connectMs: longMs,
  ...{ headersMs: longMs, wholeMs: longMs, firstTokenMs: longMs, idleMs: longMs },
  ...{ streamMs: longMs, rateMin: 0 },
}
const reading: AnswerReading = {
  whole: null,
  events:
    () =>
    ({ data }) => [{ kind: 'text', choice: 0, text: data }],
  error: (message, status) => ({ status, code: '', message }),
}
const events = { 'content-type': 'text/event-stream' }

function begin(timers: Partial<AttemptTimers>) {
  const watch = new Watch()
  const attempt = new Attempt(reading, { timers: { ...none, ...timers }, watch }, true)
  const aborted = vi.fn()
  attempt.onRequestStart({ pause: () => {}, resume: () => {}, abort: aborted })
  const isOver = () => aborted.mock.calls.length > 0
  /** Every so often some text, for so long. */
  const say = (text: string, everyMs: number, forMs: number) => {
    for (let ms = 0; ms < forMs && !isOver(); ms += everyMs) {
      attempt.onResponseData(Buffer.from(`data: ${text}\n\n`))
      vi.advanceTimersByTime(everyMs)
    }
  }
  /** Goes on to the moment before the limit, then past it. */
  const passes = (limitMs: number) => {
    vi.advanceTimersByTime(limitMs - 50)
    expect(isOver()).toBe(false)
    vi.advanceTimersByTime(100)
    expect(isOver()).toBe(true)
    watch.stop()
  }
  return { attempt, isOver, say, passes, watch }
}

describe('an attempt is over where', () => {
  test('headers: no answer begins in time', async () => {
    const { attempt, passes } = begin({ headersMs: 400 })
    passes(400)
    expect(await attempt.outcome).toMatchObject({
      ...{ kind: 'failed', failure: 'silent', reason: 'no answer began within 400 ms' },
    })
  })

  test('first token: a stream begins, and its first content does not come', async () => {
    const { attempt, passes } = begin({ firstTokenMs: 400 })
    attempt.onResponseStart(200, events)
    passes(400)
    expect(await attempt.outcome).toMatchObject({ reason: 'no first token came within 400 ms' })
  })

  test('idle: a stream stalls, however long it has been going on', () => {
    const { attempt, say, passes } = begin({ idleMs: 400 })
    attempt.onResponseStart(200, events)
    say('word', 300, 3_000)
    attempt.onResponseData(Buffer.from('data: last\n\n'))
    passes(400)
  })

  test('total: a stream goes on for longer than it may', () => {
    const { attempt, say, passes } = begin({ streamMs: 5_000 })
    attempt.onResponseStart(200, events)
    say('word', 100, 4_900)
    passes(100)
  })

  test('total: an answer that is not streamed takes all of its time', async () => {
    const { attempt, passes } = begin({ wholeMs: 900 })
    attempt.onResponseStart(200, { 'content-type': 'application/json' })
    vi.advanceTimersByTime(500)
    attempt.onResponseData(Buffer.from('{'))
    passes(400)
    expect(await attempt.outcome).toMatchObject({ reason: 'the answer took all of the time' })
  })

  test('total: a head that came late leaves less time for what follows it', async () => {
    for (const type of ['application/json', 'text/event-stream']) {
      const { attempt, passes } = begin({ wholeMs: 900 })
      vi.advanceTimersByTime(800)
      attempt.onResponseStart(200, { 'content-type': type })
      passes(100)
      expect(await attempt.outcome).toMatchObject({
        ...{ failure: 'silent', reason: 'the answer took all of the time' },
      })
    }
  })

  test('minimum rate: too few characters come, while enough of them do not end it', () => {
    const slow = begin({ rateMin: 10 })
    slow.attempt.onResponseStart(200, events)
    slow.say('abcd', 1_000, 30_000)
    expect(slow.isOver()).toBe(true)
    slow.watch.stop()
    const fast = begin({ rateMin: 10 })
    fast.attempt.onResponseStart(200, events)
    fast.say('abcdefghijkl', 1_000, 60_000)
    expect(fast.isOver()).toBe(false)
    fast.attempt.cancel()
    fast.watch.stop()
  })

  test('minimum rate: what its caller held up is not its slowness', async () => {
    const held = begin({ rateMin: 10 })
    held.attempt.onResponseStart(200, events)
    held.attempt.onResponseData(Buffer.from(`data: ${'x'.repeat(70_000)}\n\n`)) // pauses it
    vi.advanceTimersByTime(19_000)
    const outcome = await held.attempt.outcome
    if (outcome.kind !== 'stream') throw new Error('a stream')
    await outcome.stream.next() // resumes it, a second before the rate is looked at
    vi.advanceTimersByTime(2_000)
    expect(held.isOver()).toBe(false)
    vi.advanceTimersByTime(10_000)
    expect(held.isOver()).toBe(true)
    held.watch.stop()
  })
})
