import { expect, test } from 'vitest'
import { decide, planRun, prepareWorkflow } from './index.ts'
import { type Act, document, play } from './world.fixture.ts'

const human = (more: object) => ({
  ask: { call: 'tutti.human', with: { title: 'Go?', assignee: { role: 'clerk' }, ...more } },
})
const escalation = [
  { after: { minutes: 5 }, role: 'manager' },
  { after: { minutes: 10 }, role: 'director' },
]
const roles = (actions: readonly unknown[]) =>
  actions.map((action) => Object(action).arguments.assignee.role)

test('H1: who does not answer in time is asked no more, the next role is', () => {
  const answering =
    (level: string): Act =>
    (_, key) =>
      key === level ? { output: { answer: 'yes', by: 'x' } } : 'never'
  const tasks = document([human({ escalation })])
  const first = play(tasks, {}, { act: answering('/do/0/ask') })
  expect([roles(first.actions), first.endedAtMs]).toEqual([['clerk'], 1_000])
  // An answer ends the escalation: what comes later in the run is not disturbed by it.
  const more = document([human({ escalation }), { nap: { wait: { hours: 1 } } }])
  expect(roles(play(more, {}, { act: answering('/do/0/ask') }).actions)).toEqual(['clerk'])
  const last = play(tasks, {}, { act: answering('/do/0/ask!above!above') })
  expect(roles(last.actions)).toEqual(['clerk', 'manager', 'director'])
  expect(last.endedAtMs).toBe(1_000 + 15 * 60_000)
  expect(last.outcome).toMatchObject({ output: { answer: 'yes' } })
  expect(last.keys).toEqual([
    '/do/0/ask!escalation',
    '/do/0/ask!above!escalation',
    '/do/0/ask!above!above',
  ])
  const prepared = prepareWorkflow(tasks)
  if (!prepared.ok) throw new Error('the document is right')
  const { journal } = play(tasks, {}, { act: () => 'never' })
  const surroundings = { secrets: {}, runtime: { name: 'tutti', version: '0.1.0' } }
  expect(decide(prepared.program, journal, surroundings).commands).toMatchObject([
    { kind: 'act', key: '/do/0/ask!above!above' },
  ])
  expect(planRun(tasks).roles).toEqual(['clerk', 'director', 'manager'])
})

test('the deadline is that of all of them together; what is no escalation is an error', () => {
  const act: Act = () => 'never'
  const late = play(document([human({ escalation, deadline: { minutes: 7 } })]), {}, { act })
  expect(late.outcome).toMatchObject({ error: { status: 408 } })
  expect(roles(late.actions)).toEqual(['clerk', 'manager'])
  const wrong = [{ after: 'soon', role: 'x' }, { after: { minutes: 1 } }, 'x']
  for (const one of wrong) {
    const { outcome } = play(document([human({ escalation: [one] })]), {}, { act })
    expect(outcome).toMatchObject({ error: { status: 400, instance: '/do/0/ask' } })
  }
})

test('H2: an answer that must be signed and is not is an error of the task', () => {
  const with_ =
    (output: object): Act =>
    () => ({ output: { answer: 1, by: 'x', ...output } })
  const tasks = document([human({ signed: true })])
  expect(play(tasks, {}, { act: with_({}) }).outcome).toMatchObject({
    error: { status: 400, detail: 'the answer is not signed' },
  })
  const signed = { statement: '', signature: '', key: '' }
  expect(play(tasks, {}, { act: with_({ signed }) }).outcome).toMatchObject({
    status: 'completed',
  })
})
