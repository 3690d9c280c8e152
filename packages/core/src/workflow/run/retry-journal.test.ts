import { expect, test } from 'vitest'
import type { Json } from '../../resource/index.ts'
import { prepareWorkflow } from './program.ts'
import { retryJournal } from './retry-journal.ts'
import { document, play, type World } from './world.fixture.ts'

const surroundings = { secrets: {}, runtime: { name: 'tutti', version: '' } }
const http = (method: string, more: object = {}) => ({
  call: 'http',
  with: { method, endpoint: 'https://h/' },
  ...more,
})
const raise = { raise: { error: { type: 'https://e', status: 409 } } }
const unless = {
  switch: [{ good: { when: '.isGood', then: 'end' } }, { bad: { then: 'continue' } }],
}

/** The keys of what the retry goes on from, or why there is none. */
function again(tasks: readonly object[], world: World = {}, input: Json = {}) {
  const source = document(tasks)
  const prepared = prepareWorkflow(source)
  if (!prepared.ok) throw new Error(JSON.stringify(prepared.findings))
  const { journal, outcome } = play(source, input, { act: () => ({ output: {} }), ...world })
  expect(outcome?.status).toBe('faulted')
  const retry = retryJournal(prepared.program, journal, surroundings)
  return retry.ok ? retry.entries.map((entry) => ('key' in entry ? entry.key : '')) : retry.reason
}

test('a step that failed is done again, whatever the document does with its error', () => {
  const error = { type: 'https://e', status: 500 }
  const act = (_: unknown, key: string) => (key.includes('out') ? { error } : { output: {} })
  expect(again([{ a: http('post') }, { out: http('post') }], { act })).toEqual(['', '/do/0/a'])
  const handle = { do: [{ note: { set: { sad: true } } }, { fail: raise }] }
  const tried = [{ a: http('post') }, { t: { try: [{ out: http('post') }], catch: handle } }]
  expect(again(tried, { act })).toEqual(['', '/do/0/a'])
})

test('Y1: what a person, an event, a model or a reading call said is asked for again, where the document raises an error on it', () => {
  const ask = { call: 'tutti.human', with: { title: 'Good?' } }
  const rest = [{ pay: http('post') }, { note: { set: { isGood: false } } }, { is: unless }]
  const before = ['', '/do/0/pay']
  const first = [{ pay: http('post') }]
  const after = [{ nap: { wait: { seconds: 1 } } }, { is: unless }, { fail: raise }]
  expect(again([...first, { ask }, ...after])).toEqual(before)
  expect(again([...first, { look: http('get') }, ...after])).toEqual(before)
  const infer = { call: 'tutti.infer', with: { route: 'r', messages: [] } }
  expect(again([...first, { infer }, ...after])).toEqual(before)
  const listen = { listen: { to: { one: { with: { type: 'said' } } } } }
  const events = [{ specversion: '1.0', id: '1', source: 's', type: 'said', data: {} }]
  expect(again([...first, { listen }, ...after], { events })).toEqual(before)
  const posted = again([...rest, { fail: raise }])
  expect(posted).toBe(
    'no step failed, the document did, at /do/3/fail: fork it from /do/0/pay to do that again',
  )
})

test('Y1: a task that made an error of what it got is done again, whatever it does', () => {
  const odd = http('post', { output: { as: '${ error("odd") }' } })
  expect(again([{ a: http('post') }, { odd }])).toEqual(['', '/do/0/a'])
})

test('where nothing but the input made it fail, or others went on meanwhile, it is said', () => {
  expect(again([{ a: { set: { b: 1 } } }, { fail: raise }])).toContain('input')
  const look = { do: [{ look: http('get') }, { nap: { wait: { hours: 1 } } }, { fail: raise }] }
  const beside = { do: [{ one: http('post') }, { two: http('post') }] }
  const both = { fork: { branches: [{ look }, { beside }] } }
  expect(again([{ both }])).toContain('other steps were done after')
})

test('Y2: a run that was undone is not gone on with', () => {
  const undo = { metadata: { tutti: { undo: [{ back: http('get') }] } } }
  const list = [{ book: http('post', undo) }, { fail: raise }]
  expect(again([{ saga: { call: 'tutti.compensate', with: { do: list } } }])).toContain('undone')
})
