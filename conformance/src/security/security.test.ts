import { expect, test } from 'vitest'
import { security } from './security.ts'

test('no attack of the suite succeeds', async () => {
  const { passed, total, notes } = await security()
  expect(notes).toEqual([])
  expect([passed, total > 200]).toEqual([total, true])
}, 300_000)
