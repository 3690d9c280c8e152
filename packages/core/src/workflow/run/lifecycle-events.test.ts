import { expect, test } from 'vitest'
import { lifecycleEvents } from './lifecycle-events.ts'
import { prepareWorkflow } from './program.ts'
import { document, play } from './world.fixture.ts'

const surroundings = { secrets: {}, runtime: { name: 'tutti', version: '' } }
const told = (tasks: object[]) => {
  const source = document(tasks)
  const prepared = prepareWorkflow(source)
  if (!prepared.ok) throw new Error('not prepared')
  const { journal } = play(source, { n: 1 })
  return lifecycleEvents(prepared.program, journal, { source: 'https://tutti', surroundings })
}
const short = (tasks: object[]) =>
  told(tasks).map(({ type, data }) => {
    const { task = '' } = { ...Object(data) }
    return `${String(type).replace(/^io\.serverlessworkflow\.|\.v1$/g, '')} ${task}`.trim()
  })

test('a run is told of in the events of the specification, each with an id of its own', () => {
  const events = told([{ a: { set: { b: 1 } } }])
  expect(events.map(({ type }) => type)).toEqual([
    'io.serverlessworkflow.workflow.started.v1',
    'io.serverlessworkflow.task.started.v1',
    'io.serverlessworkflow.task.completed.v1',
    'io.serverlessworkflow.workflow.completed.v1',
  ])
  const [started, , , completed] = events
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
  expect(short([{ a: { do: [{ b: raise }] } }])).toEqual([
    'workflow.started',
    ...['task.started /do/0/a', 'task.started /do/0/a/do/0/b'],
    ...['task.faulted /do/0/a/do/0/b', 'task.faulted /do/0/a', 'workflow.faulted'],
  ])
})
