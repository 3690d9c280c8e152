import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { Json } from '../../resource/index.ts'
import { replay } from './decide.ts'
import type { Entry } from './entry.ts'
import { Machine } from './machine.ts'
import { prepareWorkflow } from './program.ts'
import { standardError } from './workflow-error.ts'
import { type Act, document, play } from './world.fixture.ts'

const call = (name: string, undo?: string): object => ({
  [name]: {
    call: 'http',
    with: { method: 'post', endpoint: `http://h/${name}`, body: '${ . }' },
    ...(undo === undefined ? {} : { metadata: { tutti: { undo: [call(undo)] } } }),
  },
})
const saga = (tasks: unknown, more: object = {}) => ({
  saga: { call: 'tutti.compensate', with: { do: tasks, ...more } },
})
/** Does the tasks of a saga, and says what was called in which order; these fail. */
const tell = (source: Json, ...failing: string[]) => {
  const nameOf = (key: string) => key.slice(key.lastIndexOf('/') + 1)
  const act: Act = (_, key) => {
    const name = nameOf(key)
    if (failing.includes(name)) return { error: standardError('communication', `${name} is out`) }
    return { output: { of: name } }
  }
  return (pick: (count: number) => number = () => 0) => {
    const story = play(source, { order: 7 }, { act, pick })
    const steps = story.journal.flatMap((entry) => ('key' in entry ? [entry.key] : []))
    const called = steps.map(nameOf).filter((name) => !/^(nap|c|.*!timeout)$/.test(name))
    return { ...story, called }
  }
}

test('C1: what was completed is undone, the last one first, with what went in and came out', () => {
  const tasks = [
    call('book', 'unbook'),
    call('note'),
    call('pay', 'refund'),
    call('ship', 'recall'),
  ]
  const { called, actions, outcome, keys } = tell(document([saga(tasks)]), 'ship')()
  expect(called).toEqual(['book', 'note', 'pay', 'ship', 'refund', 'unbook'])
  expect(actions.at(-1)).toMatchObject({
    arguments: { body: { input: { order: 7 }, output: { of: 'book' } } },
  })
  expect(outcome).toMatchObject({
    status: 'faulted',
    error: { detail: 'ship is out', instance: '/do/0/saga/with/do/3/ship' },
  })
  expect(keys.slice(-2)).toEqual(['/do/0/saga/undo/1/0/refund', '/do/0/saga/undo/0/0/unbook'])
})

test('where nothing fails nothing is undone; the error after an undo can be caught', () => {
  const tasks = [call('book', 'unbook'), call('pay', 'refund')]
  const fine = tell(document([saga(tasks)]))()
  expect(fine.called).toEqual(['book', 'pay'])
  expect(fine.outcome).toMatchObject({ output: { of: 'pay' } })
  const caught = {
    t: { try: [saga(tasks)], catch: { do: [{ c: { set: { e: '${ $error }' } } }] } },
  }
  const { called, outcome } = tell(document([caught]), 'pay')()
  expect(called).toEqual(['book', 'pay', 'unbook'])
  expect(outcome).toMatchObject({ output: { e: { detail: 'pay is out' } } })
})

test('C1: in loops, branches, and sagas that are part of another', () => {
  const tasks = [
    { loop: { for: { in: '[1, 2]' }, do: [call('turn', 'unturn')] } },
    saga([call('inner', 'uninner')]),
    { both: { fork: { branches: [call('left', 'unleft'), call('right', 'unright')] } } },
    call('last', 'unlast'),
  ]
  const { called } = tell(document([saga(tasks)]), 'last')()
  expect(called.slice(called.indexOf('last') + 1)).toEqual([
    'unright',
    'unleft',
    'uninner',
    'unturn',
    'unturn',
  ])
})

test('C2: an undo that fails is said, and keeps no other from being tried', () => {
  const tasks = [call('book', 'unbook'), call('pay', 'refund'), call('ship')]
  const { called, outcome } = tell(document([saga(tasks)]), 'ship', 'refund')()
  expect(called).toEqual(['book', 'pay', 'ship', 'refund', 'unbook'])
  expect(outcome).toMatchObject({ status: 'faulted', error: { status: 500 } })
  const { error } = outcome as { error: { detail: string } }
  expect(error.detail).toBe(
    'after "ship is out" not everything was undone: /do/0/saga/with/do/1/pay: refund is out',
  )
})

test('past its time what was completed is undone; a wrong undo is said at declaration', () => {
  const tasks = [call('book', 'unbook'), { nap: { wait: { hours: 1 } } }]
  const { called, outcome } = tell(document([saga(tasks, { within: { minutes: 1 } })]))()
  expect(called).toEqual(['book', 'unbook'])
  expect(outcome).toMatchObject({ error: { status: 408 } })
  const wrong = {
    a: { set: { b: 1 }, metadata: { tutti: { undo: [{ u: { set: { x: '${ nope }' } } }] } } },
  }
  expect(prepareWorkflow(document([saga([wrong])]))).toMatchObject({
    findings: [{ path: 'do.0.saga.with.do.0.a.metadata.tutti.undo.0.u.set.x' }],
  })
})

test('whatever fails: each completed step is undone once, in the reverse order', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 8 }), fc.nat(8), fc.nat(5), (count, failsAt, seed) => {
      const steps = Array.from({ length: count }, (_, i) => call(`s${i}`, `u${i}`))
      const half = Math.floor(count / 2)
      const inner = { both: { fork: { branches: steps.slice(half) } } }
      const tasks = [...steps.slice(0, half), inner]
      const { called, outcome } = tell(
        document([saga(tasks)]),
        `s${failsAt}`,
      )((ready) => seed % ready)
      const done = called.filter((name) => name.startsWith('s') && name !== `s${failsAt}`)
      const undone = called.filter((name) => name.startsWith('u'))
      const isFine = outcome?.status === 'completed'
      expect(isFine).toBe(failsAt >= count)
      const wanted = isFine ? [] : done.map((name) => name.replace('s', 'u')).reverse()
      expect(undone).toEqual(wanted)
    }),
  )
})

test('C3: a saga that is stopped is undone: by a limit of time, by the branch that won, by a fault elsewhere', () => {
  const nap = { nap: { wait: { hours: 1 } } }
  const tasks = [call('book', 'unbook'), saga([call('pay', 'refund'), nap])]
  const limited = { ...saga(tasks) }
  Object.assign(limited.saga, { timeout: { after: { minutes: 1 } } })
  const late = tell(document([limited]))()
  expect(late.called).toEqual(['book', 'pay', 'refund', 'unbook'])
  expect(late.outcome).toMatchObject({ status: 'faulted', error: { status: 408 } })
  const quick = { quick: { wait: { seconds: 1 } } }
  const race = { race: { fork: { compete: true, branches: [saga(tasks), quick] } } }
  const won = tell(document([race]))()
  expect(won.called.filter((name) => name !== 'quick')).toEqual(['book', 'pay', 'refund', 'unbook'])
  expect(won.outcome).toMatchObject({ status: 'completed' })
  const timeout = { timeout: { after: { minutes: 1 } } }
  const whole = tell(document([saga(tasks)], timeout), 'refund')()
  expect(whole.called).toEqual(['book', 'pay', 'refund', 'unbook'])
  expect(whole.outcome).toMatchObject({
    error: {
      detail: expect.stringContaining('not undone: /do/0/saga/with/do/1/saga/with/do/0/pay'),
    },
  })
})

test('C3: a run that is cancelled is undone, then it is cancelled; again it goes on where it was', () => {
  const source = document([
    saga([call('book', 'unbook'), saga([call('pay', 'refund'), call('ship')])]),
  ])
  const prepared = prepareWorkflow(source)
  if (!prepared.ok) throw new Error('not prepared')
  const surroundings = { secrets: {}, runtime: { name: 'tutti', version: '' } }
  const machine = new Machine(prepared.program, surroundings)
  const journal: Entry[] = []
  const apply = (entry: Entry) => {
    journal.push(entry)
    machine.apply(entry)
    const again = replay(prepared.program, journal, surroundings)
    expect(again.waiting).toEqual(machine.waiting)
    expect(again.outcome).toEqual(machine.outcome)
  }
  const next = () => machine.waiting.flatMap((command) => ('key' in command ? [command.key] : []))
  const complete = () => apply({ kind: 'completed', atMs: 2, key: next()[0] ?? '', output: null })
  apply({ kind: 'started', atMs: 1, runId: 'r', input: {} })
  complete()
  complete()
  expect(next()).toEqual(['/do/0/saga/with/do/1/saga/with/do/1/ship'])
  apply({ kind: 'cancelled', atMs: 3, reason: 'enough' })
  expect(machine.outcome).toBeNull()
  expect(next()).toEqual(['/do/0/saga/with/do/1/saga/undo/0/0/refund'])
  apply({ kind: 'cancelled', atMs: 3, reason: 'really' })
  complete()
  expect(next()).toEqual(['/do/0/saga/undo/0/0/unbook'])
  expect(machine.outcome).toBeNull()
  complete()
  expect(machine.outcome).toEqual({ status: 'cancelled', reason: 'enough' })
  expect(next()).toEqual([])
})
