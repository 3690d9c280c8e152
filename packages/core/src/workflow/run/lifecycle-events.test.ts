import { expect, test } from 'vitest'
import type { Json } from '../../resource/index.ts'
import type { CloudEvent, Entry } from './entry.ts'
import { lifecycleEvents } from './lifecycle-events.ts'
import { prepareWorkflow } from './program.ts'
import { document, play, type World } from './world.fixture.ts'

const surroundings = { secrets: {}, runtime: { name: 'tutti', version: '' } }
const tellOf = (source: Json, journal: readonly Entry[]) => {
  const prepared = prepareWorkflow(source)
  if (!prepared.ok) throw new Error('not prepared')
  const [first] = journal
  const id = first?.kind === 'started' ? first.runId : 'none'
  const run = { id, source: 'https://tutti', ...prepared.program.document.document }
  return lifecycleEvents(prepared.program, journal, { run, surroundings })
}
const toldOf = (tasks: object[], world: World) => {
  const source = document(tasks)
  const { journal } = play(source, { n: 1 }, world)
  return tellOf(source, journal)
}
const typesOf = (events: readonly CloudEvent[]) =>
  events.map(({ type, data }) => {
    const { task = '' } = { ...Object(data) }
    return `${String(type).slice('io.serverlessworkflow.'.length, -'.v1'.length)} ${task}`.trim()
  })
const told = (tasks: object[]) => toldOf(tasks, {})

test('a run is told of in the events of the specification, each with an id of its own', () => {
  const events = told([{ a: { set: { b: 1 } } }])
  expect(events.map(({ type }) => type)).toEqual([
    'io.serverlessworkflow.workflow.started.v1',
    'io.serverlessworkflow.task.created.v1',
    'io.serverlessworkflow.task.started.v1',
    'io.serverlessworkflow.task.completed.v1',
    'io.serverlessworkflow.workflow.completed.v1',
  ])
  const [started, , , , completed] = events
  const run = String(started?.['subject'])
  expect(started).toMatchObject({
    ...{ specversion: '1.0', id: `${run}#0`, source: 'https://tutti' },
    data: {
      name: `test-${run}.test`,
      definition: { name: 'test', namespace: 'test', version: '1.0.0' },
      startedAt: expect.stringMatching(/Z$/),
    },
  })
  expect(completed?.['data']).toMatchObject({ name: `test-${run}.test`, output: { b: 1 } })
  expect(new Set(events.map(({ id }) => id)).size).toBe(events.length)
})

test('what fails is told of the task and of the run', () => {
  const raise = { raise: { error: { type: 'https://e', status: 409, title: 'no' } } }
  expect(typesOf(told([{ a: { do: [{ b: raise }] } }]))).toEqual([
    ...['workflow.started', 'task.created /do/0/a', 'task.started /do/0/a'],
    ...['task.created /do/0/a/do/0/b', 'task.started /do/0/a/do/0/b'],
    ...['task.faulted /do/0/a/do/0/b', 'task.faulted /do/0/a', 'workflow.faulted'],
  ])
})

test('a correlation begins and is completed, with what its events have in common', () => {
  const filter = { with: { type: 'paid' }, correlate: { order: { from: '.data.order' } } }
  const events = toldOf([{ hear: { listen: { to: { one: filter } } } }], {
    events: [{ specversion: '1.0', id: '1', source: 's', type: 'paid', data: { order: 7 } }],
  })
  expect(typesOf(events)).toEqual([
    ...['workflow.started', 'task.created /do/0/hear', 'task.started /do/0/hear'],
    ...['workflow.correlation-started', 'workflow.correlation-completed'],
    ...['task.completed /do/0/hear', 'workflow.completed'],
  ])
  expect(events[4]?.['data']).toMatchObject({ correlationKeys: { order: 7 } })
})

test('a task is retried; one that is stopped is cancelled', () => {
  const call = { call: 'http', with: { method: 'get', endpoint: 'https://e/' } }
  const error = { type: 'https://e', status: 503 }
  const tried = { try: [{ ask: call }], catch: { retry: { delay: { seconds: 1 } } } }
  const retried = toldOf([{ twice: tried }], {
    act: (_, key) => (key.includes('@2') ? { output: 1 } : { error }),
  })
  expect(typesOf(retried).filter((type) => /retried|faulted/.test(type))).toEqual([
    ...['task.faulted /do/0/twice/try/0/ask', 'task.retried /do/0/twice'],
  ])
  expect(retried.find(({ type }) => String(type).includes('faulted'))?.['data']).toMatchObject({
    error: { type: 'https://e', status: 503 },
  })
  const branches = [{ slow: { wait: { hours: 1 } } }, { quick: { set: { a: 1 } } }]
  const raced = toldOf([{ race: { fork: { compete: true, branches } } }], {})
  expect(typesOf(raced)).toContain('task.cancelled /do/0/race/fork/branches/0/slow')
})

test('a run that stands still says so, with what is at work in it', () => {
  const source = document([{ nap: { wait: { hours: 1 } } }])
  const events = tellOf(source, [
    { kind: 'started', atMs: 1, runId: 'r', input: {} },
    { kind: 'paused', atMs: 2 },
    { kind: 'resumed', atMs: 3 },
    { kind: 'cancelled', atMs: 4, reason: 'enough' },
  ])
  expect(typesOf(events)).toEqual([
    ...['workflow.started', 'task.created /do/0/nap', 'task.started /do/0/nap'],
    ...['workflow.suspended', 'task.suspended /do/0/nap'],
    ...['workflow.resumed', 'task.resumed /do/0/nap'],
    ...['task.cancelled /do/0/nap', 'workflow.cancelled'],
  ])
  expect(events[3]?.['data']).toMatchObject({ suspendedAt: '1970-01-01T00:00:00.002Z' })
})

test('V2: a run that goes on from another one begins with the copy', () => {
  const source = document([{ a: { set: { b: 1 } } }, { nap: { wait: { hours: 1 } } }])
  const events = tellOf(source, [
    { kind: 'started', atMs: 1, runId: 'new', input: {} },
    { kind: 'completed', atMs: 1, key: '/do/0/a', output: { b: 1 } },
    { kind: 'copied', atMs: 9, of: 'old', awayMs: 8 },
  ])
  expect(events.map(({ id, type }) => `${id} ${String(type).split('.').slice(-3, -1)}`)).toEqual([
    ...['new#0 workflow,started', 'new#1 task,created', 'new#2 task,started'],
  ])
})

test('an output that is too large for an event is left out', () => {
  const long = { text: 'x'.repeat(40_000) }
  const events = tellOf(document([{ a: { set: long } }]), [
    { kind: 'started', atMs: 1, runId: 'r', input: {} },
    { kind: 'completed', atMs: 1, key: '/do/0/a', output: long },
  ])
  expect(Object.keys({ ...Object(events.at(-1)?.['data']) })).toEqual(['name', 'completedAt'])
})
