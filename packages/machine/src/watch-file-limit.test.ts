import { afterEach, expect, test, vi } from 'vitest'
import { watchFileLimit } from './watch-file-limit.ts'

afterEach(() => {
  vi.useRealTimers()
})

test('that no more files can be opened is said once a minute, with the limit and what to do', () => {
  vi.useFakeTimers()
  let code = ''
  const told: { event: string; fields: Readonly<Record<string, unknown>> }[] = []
  const stop = watchFileLimit(
    (event, fields) => told.push({ event, fields }),
    'allow more (ulimit -Hn)',
    () => {
      if (code !== '') throw Object.assign(new Error(code), { code })
    },
  )
  vi.advanceTimersByTime(10_000)
  code = 'ENOENT' // it says nothing of the limit
  vi.advanceTimersByTime(10_000)
  expect(told).toEqual([])
  code = 'EMFILE'
  vi.advanceTimersByTime(59_000)
  const limit = process.platform === 'linux' ? expect.any(Number) : null
  const hint = 'allow more (ulimit -Hn)'
  const event = 'no more connections can be opened: callers are cut off'
  expect(told).toEqual([{ event, fields: { limit, hint } }])
  code = 'ENFILE'
  vi.advanceTimersByTime(60_000)
  expect(told).toHaveLength(2)
  stop()
  expect(vi.getTimerCount()).toBe(0)
})
