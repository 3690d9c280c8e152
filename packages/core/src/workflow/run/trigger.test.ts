import { expect, test } from 'vitest'
import type { CloudEvent } from './entry.ts'
import { prepareWorkflow } from './program.ts'
import { Trigger } from './trigger.ts'
import { document } from './world.fixture.ts'

const triggerOf = (schedule: object) => {
  const prepared = prepareWorkflow(document([{ a: { set: { b: 1 } } }], { schedule }))
  if (!prepared.ok) throw new Error(JSON.stringify(prepared.findings))
  return new Trigger(prepared.program.document)
}
const event = (id: string, type: string, data: object = {}): CloudEvent => ({
  ...{ specversion: '1.0', id, source: '/till', type },
  data: JSON.parse(JSON.stringify(data)),
})
const hearAll = (trigger: Trigger, events: readonly CloudEvent[]) => {
  let taken: readonly CloudEvent[] = []
  const inputs: unknown[] = []
  for (const one of events) {
    const heard = trigger.hear(taken, one)
    taken = heard.taken
    if (heard.input !== null) inputs.push(heard.input)
  }
  return { taken, inputs }
}

test('one event each time; others are passed over', () => {
  const trigger = triggerOf({ on: { one: { with: { type: 'paid', data: '${ .n > 1 }' } } } })
  expect(trigger.types).toEqual(['paid'])
  const events = [
    event('1', 'paid', { n: 1 }),
    event('2', 'paid', { n: 2 }),
    event('3', 'lost', { n: 3 }),
    event('4', 'paid', { n: 4 }),
  ]
  expect(hearAll(trigger, events)).toEqual({ taken: [], inputs: [[{ n: 2 }], [{ n: 4 }]] })
})

test('all of some, which belong together, however they come; what is left over is kept', () => {
  const correlate = { order: { from: '.data.order' } }
  const of = (type: string) => ({ with: { type }, correlate })
  const trigger = triggerOf({ on: { all: [of('paid'), of('packed')] }, read: 'envelope' })
  const events = [
    event('1', 'packed', { order: 7 }),
    event('2', 'paid', { order: 8 }),
    event('3', 'paid', { order: 7 }),
    event('4', 'paid', { order: 9 }),
  ]
  const { inputs, taken } = hearAll(trigger, events)
  expect(inputs).toMatchObject([[{ id: '1' }, { id: '3' }]])
  expect(taken).toMatchObject([{ id: '4' }])
})

test('a schedule that is none is said when it is declared', () => {
  const findingsOf = (schedule: object, more: object = {}) => {
    const source = document([{ a: { set: { b: 1 } } }], { schedule, ...more })
    const prepared = prepareWorkflow(source)
    return prepared.ok ? [] : prepared.findings.map(({ path }) => path)
  }
  expect(findingsOf({ cron: '61 * * * *' })).toEqual(['schedule.cron'])
  expect(findingsOf({ every: { milliseconds: 5 } })).toEqual(['schedule.every'])
  expect(findingsOf({ after: '${ .x }' })).toEqual(['schedule.after'])
  expect(findingsOf({ on: { one: { with: { type: '${ .a[ }' } } } })).toEqual([
    'schedule.on.one.with.type',
  ])
  expect(findingsOf({ cron: '@daily', every: 'PT1S', after: 'PT0S' })).toEqual([])
})
