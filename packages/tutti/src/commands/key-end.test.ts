import { expect, test } from 'vitest'
import { parseKeyEnd } from './key-end.ts'

test.each([
  ['90m', 90 * 60_000],
  ['24h', 24 * 3_600_000],
  ['30d', 30 * 86_400_000],
])('a key may end %s from now on', (text, ms) => {
  expect(parseKeyEnd(text)).toEqual({ kind: 'after', ms })
})

test('or at a time', () => {
  const text = '2027-01-01T00:00:00Z'
  expect(parseKeyEnd(text)).toEqual({ kind: 'at', ms: Date.parse(text) })
})

test.each(['', '0d', '30', '30s', '1.5h', 'tomorrow'])('and not at %j', (text) => {
  expect(() => parseKeyEnd(text)).toThrow(`got ${text}`)
})
