// What was kept against what its caller was told is asked for until it is gone.

import { expect, test } from 'vitest'
import { TakeBack } from './take-back.ts'

const key = { project: 'p', id: 'resp_tutti_1' }

/** A store that answers so, one time after the other. */
function bed(answers: readonly (boolean | Error)[]) {
  const asked: object[] = []
  const waits: number[] = []
  const events: string[] = []
  const takeBack = new TakeBack({
    store: {
      delete: async (of) => {
        const answer = answers[asked.push(of) - 1] ?? true
        if (answer instanceof Error) throw answer
        return answer
      },
    },
    log: (event) => void events.push(event),
    wait: async (ms) => void waits.push(ms),
  })
  return { takeBack, asked, waits, events }
}

test('asks again until it is heard, later each time, and says so once', async () => {
  const away = new Error('away')
  const { takeBack, asked, waits, events } = bed(Array.from({ length: 8 }, () => away))
  await takeBack.take({ ...key, response: 'what was said' } as typeof key)
  expect(asked).toEqual(Array.from({ length: 9 }, () => key)) // what was said is not held
  expect(waits).toEqual([1, 2, 4, 8, 16, 32, 60, 60].map((s) => s * 1_000))
  expect(events).toEqual(['a response may be kept'])
})

test('where there is nothing, what is on its way may come after', async () => {
  const late = bed([false, false, new Error('away'), true])
  await late.takeBack.take(key)
  expect(late.asked).toHaveLength(4)
  const none = bed([false, false, false, false, false])
  await none.takeBack.take(key)
  expect([none.asked.length, none.waits.length, none.events]).toEqual([5, 4, []])
})

test('has a bound, and says what it lets go', () => {
  const events: unknown[] = []
  const takeBack = new TakeBack({
    store: { delete: () => new Promise<boolean>(() => {}) },
    log: (event) => void events.push(event),
    wait: () => Promise.resolve(),
  })
  for (let i = 0; i <= 10_000; i++) void takeBack.take(key)
  expect(events).toEqual(['a response may be kept'])
})
