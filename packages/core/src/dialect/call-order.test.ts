// Calls of a stream, one after the other, however their upstream mixed them.

import fc from 'fast-check'
import { expect, test } from 'vitest'
import { CallOrder } from './call-order.ts'
import type { ChatEvent } from './chat.ts'

const started = (index: number, id = ''): ChatEvent => ({
  ...{ kind: 'tool-start', index, id, name: `f${index}` },
})
const said = (index: number, text: string): ChatEvent => ({ kind: 'tool-arguments', index, text })
const text = (said: string): ChatEvent => ({ kind: 'text', choice: 0, text: said })
const stop: ChatEvent = { kind: 'stop', choice: 0, stop: 'tool-calls' }

function ordered(events: readonly ChatEvent[], order = new CallOrder('a')): ChatEvent[] {
  return events.flatMap((event) => order.take(event))
}

test('however pieces of calls are mixed, each call is whole before the next one (O1)', () => {
  const cuts = fc.array(fc.nat(99), { minLength: 1, maxLength: 30 })
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 4 }), cuts, (count, turns) => {
      const all = Array.from({ length: count }, (_, i) =>
        JSON.stringify({ a: i, b: 'x'.repeat(i) }),
      )
      const left = [...all]
      const events = all.map((_, i) => started(i))
      for (const turn of turns) {
        const i = turn % count
        const piece = (left[i] ?? '').slice(0, 1 + (turn % 5))
        left[i] = (left[i] ?? '').slice(piece.length)
        events.push(said(i, piece))
      }
      for (const [i, rest] of left.entries()) events.push(said(i, rest))
      const got = ordered([...events, stop])
      const places = got.flatMap((event) => ('index' in event ? [event.index] : []))
      expect(places).toEqual([...places].sort((a, b) => a - b))
      const written = all.map((_, i) =>
        got
          .map((one) => (one.kind === 'tool-arguments' && one.index === i ? one.text : ''))
          .join(''),
      )
      expect(written).toEqual(all)
      expect(got.at(-1)).toEqual(stop)
    }),
  )
})

test('in a stream whose calls follow each other nothing waits', () => {
  const order = new CallOrder('a')
  const events = [text('so'), started(3), said(3, '{"a":'), said(3, '1}'), text('and')]
  for (const event of [...events, started(7), said(7, '{}'), started(-1), said(-1, '{}'), stop]) {
    expect(order.take(event)).toHaveLength(1)
  }
})

test('what was cut, or has no arguments, goes on at the stop', () => {
  const events = [started(0), started(1), said(1, '{"a"'), text('so'), said(0, '{'), started(2)]
  const got = ordered([...events, stop])
  expect(got.map((one) => ('index' in one ? one.index : one.kind))).toEqual([
    ...[0, 0, 1, 1, 'text', 2, 'stop'],
  ])
})

test('calls without an id get one of their own; others keep theirs (O2)', () => {
  const got = ordered([started(-1), said(-1, '{}'), started(-1, 'own'), said(-1, '{}')])
  expect(got.flatMap((one) => (one.kind === 'tool-start' ? [one.id] : []))).toEqual([
    ...['call_a_0', 'own'],
  ])
})

test('a call whose name comes with each piece is one; another id at its number is another (O3)', () => {
  const calls = (events: readonly ChatEvent[]) =>
    ordered([...events, stop]).flatMap((one) =>
      one.kind === 'tool-start' ? [one.id] : one.kind === 'tool-arguments' ? [one.text] : [],
    )
  for (const id of ['x', '']) {
    const own = id || 'call_a_0'
    const pieces = [started(0, id), said(0, '{"a":'), started(0, id), said(0, '1}')]
    expect(calls(pieces)).toEqual([own, '{"a":', '1}'])
  }
  const mixed = [started(0, 'x'), started(1, 'y'), said(0, '{'), started(1, 'y'), said(1, '{}')]
  expect(calls([...mixed, started(0, 'x'), said(0, '}'), started(0, 'x')])).toEqual([
    ...['x', '{', '}', 'y', '{}'],
  ])
  const others = [started(0, 'x'), said(0, '{}'), started(0, 'y'), said(0, '{}')]
  expect(calls(others)).toEqual(['x', '{}', 'y', '{}'])
  const unnamed = [started(0), said(0, '{}'), started(0), said(0, '{}')]
  expect(calls(unnamed)).toEqual(['call_a_0', '{}', 'call_a_1', '{}'])
  expect(calls([started(-1), started(-1)])).toHaveLength(2)
})

test('what comes for a call that was whole is not lost in silence', () => {
  const order = new CallOrder('a')
  ordered([started(0), said(0, '{}'), started(1), said(0, ' ')], order)
  expect(order.wrong).toBe(null)
  ordered([said(0, '{"more":1}')], order)
  expect(order.wrong).toBe(null) // it waits: the second call is not whole
  ordered([stop], order)
  expect(order.wrong).toContain('no JSON object')
})

test('arguments are read once, however many objects end in them, and so is what waits (O1)', () => {
  const order = new CallOrder('a')
  const parts = 200_000 // each looked at anew would take minutes
  ordered([started(0), said(0, '{"a":[{}')], order)
  for (let i = 0; i < parts; i++) order.take(said(0, ',{}'))
  for (let i = 0; i < 90_000; i++) order.take(said(1, 'x'))
  expect(order.wrong).toBeNull()
  const last = order.take(said(0, ']}'))
  expect(last.slice(0, 1)).toEqual([said(0, ']}')])
})

test('what waits, and how many calls there are, has a bound', () => {
  const waiting = new CallOrder('a')
  ordered([started(0), said(0, '{')], waiting)
  for (let i = 0; i < 100_001; i++) waiting.take(said(1, 'x'))
  expect(waiting.wrong).toBe('too much comes beside a call that does not end')
  const long = new CallOrder('a')
  ordered([started(0), said(0, '{'), text('and')], long)
  for (let i = 0; i < 5; i++) long.take(text('x'.repeat(8 * 2 ** 20)))
  expect(long.wrong).toBe('too much comes beside a call that does not end')
  const many = new CallOrder('a')
  for (let i = 0; i < 2_001; i++) ordered([started(i), said(i, '{}')], many)
  expect(many.wrong).toBe('more than 2000 calls')
})
