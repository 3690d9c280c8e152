import { expect, test } from 'vitest'
import { levelsMax, whereTooDeep } from './nesting.ts'

const nested = (levels: number): unknown => JSON.parse('['.repeat(levels) + ']'.repeat(levels))

test('so many levels are taken and no more, however many there are', () => {
  expect(whereTooDeep(nested(levelsMax))).toBeNull()
  expect(whereTooDeep({ a: [1, { b: 'text' }], c: null })).toBeNull()
  expect(whereTooDeep(nested(levelsMax + 1))).toMatch(/^0\.0\.0\..*…$/)
  expect(whereTooDeep({ spec: nested(200_000) })).toMatch(/^spec\.0\.0/)
})
