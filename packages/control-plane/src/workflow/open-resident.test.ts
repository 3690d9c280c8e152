import { agreeUpTo, type Entry, type Program, prepareWorkflow } from '@tutti/core/workflow'
import { expect, test } from 'vitest'
import { emptyJournal } from './journal-head.ts'
import { openResident } from './open-resident.ts'
import type { Turn } from './resident-run.ts'

const programOf = (version: string, more: readonly object[] = []): Program => {
  const document = { dsl: '1.0.3', namespace: 'n', name: 'w', version }
  const tasks = [{ first: { wait: { hours: 1 } } }, { last: { set: { n: 1 } } }, ...more]
  const prepared = prepareWorkflow(JSON.parse(JSON.stringify({ document, do: tasks })))
  if (!prepared.ok) throw new Error(JSON.stringify(prepared.findings))
  return prepared.program
}
const around = { secrets: {}, runtime: { name: 'tutti', version: 'test' } }
const head = {
  ...{ id: 'r', project: 'p', namespace: 'n', name: 'w', version: '1.0.0', shard: 0 },
  ...{ labels: {}, parent: null, startedAtMs: 1 },
}
const started: Entry = { kind: 'started', atMs: 1, runId: 'r', input: {} }
const slept: Entry = { kind: 'completed', atMs: 2, key: '/do/0/first', output: null }
const stored = (entries: readonly Entry[]) => ({
  ...{ journal: emptyJournal, status: 'waiting' as const, wakeAtMs: null, entries },
})
const told = ({ batch }: Turn) =>
  batch.lifecycle.map(({ number, type }) => `${number} ${type.split('.').slice(2, 4).join('.')}`)

test('a run that is in memory again tells of what is new, and one that is a copy of what it begins with', () => {
  const tasks = { ...around, lifecycle: 'tasks' as const }
  const again = openResident(head, programOf('1.0.0'), tasks, stored([started]))
  const after = ['3 task.completed', '4 task.created', '5 task.started', '6 task.completed']
  expect(told(again.take([slept], 2))).toEqual([...after, '7 workflow.completed'])
  const copied: Entry = { kind: 'copied', atMs: 3, of: 'other', awayMs: 2 }
  const copy = openResident(head, programOf('1.0.0'), tasks, stored([started, copied]))
  expect(told(copy.take([], 3))).toEqual(['0 workflow.started', '1 task.created', '2 task.started'])
})

test('of runs only, or not at all, as the Project says', () => {
  const workflows = { ...around, lifecycle: 'workflows' as const }
  const run = openResident(head, programOf('1.0.0'), workflows, stored([started]))
  expect(told(run.take([slept], 2))).toEqual(['7 workflow.completed'])
  const silent = openResident(head, programOf('1.0.0'), around, stored([started]))
  expect(told(silent.take([slept], 2))).toEqual([])
})

test('a run that goes on with another version is still told of', () => {
  const before = programOf('1.0.0')
  const run = openResident(head, before, { ...around, lifecycle: 'tasks' }, stored([started]))
  const next = programOf('1.1.0', [{ more: { set: { n: 2 } } }])
  const agreement = agreeUpTo(before, next, [started], around)
  if (!agreement.agrees) throw new Error(agreement.reason)
  run.goOnWith(agreement.machine, '1.1.0')
  expect(told(run.take([slept], 2))).toContain('9 task.completed')
})
