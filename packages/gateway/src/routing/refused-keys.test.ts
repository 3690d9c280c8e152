import { expect, test } from 'vitest'
import type { FailedAttempt } from './failed-attempt.ts'
import { RefusedKeys } from './refused-keys.ts'

const failed: FailedAttempt = {
  kind: 'failed',
  failure: 'unauthorized',
  reason: '401 not this one',
}

test('Y1: each Provider is said once a minute, however many requests it refuses', () => {
  const said: unknown[] = []
  let nowMs = 0
  const keys = new RefusedKeys({
    log: (_, { provider }) => said.push(provider),
    nowMs: () => nowMs,
  })
  const names = ['one', 'two', 'one', 'two']
  for (const name of names) keys.note({ project: 'default', name }, failed)
  nowMs = 59_999
  for (const name of names) keys.note({ project: 'default', name }, failed)
  expect(said).toEqual(['one', 'two'])
  nowMs = 60_000
  for (const name of names) keys.note({ project: 'default', name }, failed)
  expect(said).toEqual(['one', 'two', 'one', 'two'])
})
