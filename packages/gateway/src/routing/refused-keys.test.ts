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

test('Providers of one name in two projects are two', () => {
  const said: unknown[] = []
  const keys = new RefusedKeys({ log: (_, { project }) => said.push(project), nowMs: () => 0 })
  for (const project of ['one', 'two', 'one']) keys.note({ project, name: 'openai' }, failed)
  expect(said).toEqual(['one', 'two'])
})

test('of ten thousand Providers it is known when each was said; one more, and all are said again', () => {
  let said = 0
  const keys = new RefusedKeys({ log: () => (said += 1), nowMs: () => 0 })
  const note = (i: number) => keys.note({ project: 'default', name: `of-${i}` }, failed)
  for (let i = 0; i < 10_000; i++) note(i)
  note(0)
  expect(said).toBe(10_000)
  note(10_000)
  note(0)
  expect(said).toBe(10_002)
})
