// What the API says of runs is understood however they ended.

import type { Outcome } from '@tutti/core/workflow'
import { expect, test } from 'vitest'
import { runDetail } from './answers.ts'

const error = { type: 'https://e', status: 500, instance: '/do/0/a' }
const outcomes: readonly (Outcome | null)[] = [
  null,
  { status: 'completed', output: null },
  { status: 'completed', output: { a: 1 } },
  { status: 'faulted', error },
  { status: 'cancelled', reason: 'ordered twice' },
]

test.each(outcomes)('a run with the outcome %j is understood', (outcome) => {
  const times = { startedAtMs: 1, updatedAtMs: 2, wakeAtMs: null }
  const run = { id: 'r', project: 'default', workflow: 'a.b:1.0.0', status: 'x', labels: {} }
  const parsed = runDetail.parse({ ...run, ...times, outcome, waiting: [], entries: [] })
  expect(parsed.outcome).toEqual(outcome)
})
