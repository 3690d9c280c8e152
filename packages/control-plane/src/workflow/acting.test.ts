import { expect, test } from 'vitest'
import { Acting } from './acting.ts'

const head = {
  ...{ id: 'r', project: 'p', namespace: 'n', name: 'w', version: '1.0.0', shard: 0, labels: {} },
  ...{ parent: null, startedAtMs: 0 },
}

test('who looks at the signal hears that the outcome is no longer wanted, before or after', () => {
  const early = new Acting(head)
  const { signal } = early
  expect(signal.aborted).toBe(false)
  early.abort()
  expect(signal.aborted).toBe(true)
  const late = new Acting(head)
  late.abort()
  expect(late.signal.aborted).toBe(true)
})
