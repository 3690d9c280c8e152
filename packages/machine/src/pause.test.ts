import { getEventListeners } from 'node:events'
import { expect, test } from 'vitest'
import { pause } from './pause.ts'

const longMs = 3_600_000

test('an abort ends it, before it begins too, and it leaves no listener behind', async () => {
  const stop = new AbortController()
  await pause(1, stop.signal)
  expect(getEventListeners(stop.signal, 'abort')).toHaveLength(0)
  const waiting = pause(longMs, stop.signal)
  stop.abort()
  await waiting
  await pause(longMs, stop.signal)
})
