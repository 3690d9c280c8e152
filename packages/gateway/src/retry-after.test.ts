import { describe, expect, test } from 'vitest'
import { retryAfterMsOf } from './retry-after.ts'

const nowMs = Date.UTC(2026, 0, 1, 12)

describe('a Retry-After', () => {
  test.each([
    ['3', 3_000],
    [' 0.5 ', 500],
    ['Thu, 01 Jan 2026 12:00:07 GMT', 7_000],
    ['Thu, 01 Jan 2026 11:00:00 GMT', 0],
  ])('%j is %d ms', (value, ms) => {
    expect(retryAfterMsOf(value, nowMs)).toBe(ms)
  })

  test.each(['9'.repeat(400), '1e9', '999999', 'Fri, 01 Jan 2100 00:00:00 GMT'])(
    'of %j no caller hears more than a day',
    (value) => {
      expect(retryAfterMsOf(value, nowMs) ?? 0).toBeLessThanOrEqual(86_400_000)
    },
  )

  test.each([undefined, '', 'soon', '-3', '0x10', 'Thu, 99 Foo 2026 12:00:07 GMT'])(
    '%j says nothing',
    (value) => {
      expect(retryAfterMsOf(value, nowMs)).toBeNull()
    },
  )
})
