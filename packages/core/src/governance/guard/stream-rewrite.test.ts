// Texts of a streamed answer that other things come between.

import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  type ChatEvent,
  ResponsesReader,
  readGeminiEvent,
  readOpenaiEvent,
} from '../../dialect/index.ts'
import { detectorsOf } from './detectors-of.ts'
import { findingKinds, type GuardPlan, guardSpec } from './guard.ts'
import { AnswerRewrite } from './inspect.ts'
import { StreamRewrite } from './stream-rewrite.ts'
import { scanText } from './text-scan.ts'

const guard = guardSpec.parse({
  detect: ['email', 'card', 'iban'],
  blocklist: ['Project Nightjar'],
})
const detectors = detectorsOf(guard, 'output')
const planOf = (action: 'redact' | 'deny'): GuardPlan =>
  Object.fromEntries(findingKinds.map((kind) => [kind, action]))

const text = (said: string, choice = 0): ChatEvent => ({ kind: 'text', choice, text: said })
const call = (said: string): ChatEvent => ({ kind: 'tool-arguments', index: 0, text: said })
const thought = (said: string): ChatEvent => ({ kind: 'thinking', text: said })
const stop: ChatEvent = { kind: 'stop', choice: 0, stop: 'stop' }

function eventsOf(read: readonly ChatEvent[] | string): readonly ChatEvent[] {
  if (typeof read === 'string') throw new Error(read)
  return read
}

function passed(events: readonly ChatEvent[], action: 'redact' | 'deny' = 'redact') {
  const rewrite = new AnswerRewrite({ detectors, plan: planOf(action), originals: new Map() })
  const stream = new StreamRewrite<number>(rewrite)
  const released = events.flatMap((event, i) => stream.push(i, [event]))
  expect(released.map(({ held }) => held)).toEqual(events.map((_, i) => i)) // T3
  const said = (kind: ChatEvent['kind']) =>
    released
      .flatMap((one) => one.events)
      .map((event) => (event.kind === kind && 'text' in event ? event.text : ''))
      .join('')
  return { said, isDenied: rewrite.counts.isDenied, length: stream.length }
}

describe('a text that goes on behind something else (T4)', () => {
  test('is not held back by it, and the rest of what is found across it is taken out', () => {
    for (const between of [call('{}'), thought('so')]) {
      const events = [text('pay 4111 1111 11'), between, text('11 1111 now'), stop]
      expect(passed(events).said('text')).toBe('pay 4111 1111 11[CARD] now')
      expect(passed(events, 'deny').isDenied).toBe(true)
    }
    const rewrite = new AnswerRewrite({ detectors, plan: {}, originals: new Map() })
    const stream = new StreamRewrite<number>(rewrite)
    expect(stream.push(0, [text('pay 4111')])).toEqual([])
    expect(stream.push(1, [call('{"a":"b "')]).map(({ held }) => held)).toEqual([0, 1])
  })

  test('is found however often something comes between, and at the end of the answer', () => {
    const events = [...'4111111111111111'].flatMap((digit) => [text(digit), call(' ')])
    expect(passed([...events, stop]).said('text')).toBe('411111111111111[CARD]')
    const named = [text('Project Night'), call('{}'), text('jar'), stop]
    expect(passed(named).said('text')).toBe('Project Night[BLOCKED]')
  })

  test('is a text of its own, too: what came before hides nothing in it', () => {
    const events = [text('id 7'), call('{}'), text('4111111111111111 and'), stop]
    expect(passed(events).said('text')).toBe('id 7[CARD] and')
  })

  test('what was found before something came is not undone by what follows', () => {
    const events = [text('to a@b.com'), call('{}'), text('pany.example, x@y.org'), stop]
    expect(passed(events).said('text')).toBe('to [EMAIL][EMAIL], [EMAIL]')
  })

  test('nothing whole goes on, wherever a text is cut and whatever comes between', () => {
    const whole = ['4111 1111 1111 1111', 'me@example.com', 'DE89 3704 0044 0532 0130 00', 'or so']
    const cuts = fc.array(fc.tuple(fc.nat(8), fc.constantFrom('', 'call', 'thought')))
    fc.assert(
      fc.property(fc.subarray(whole, { minLength: 1 }), cuts, (values, turns) => {
        let left = `say ${values.join(', ')}; done`
        const events: ChatEvent[] = []
        for (const [size, between] of turns) {
          events.push(text(left.slice(0, size)))
          left = left.slice(size)
          if (between !== '') events.push(between === 'call' ? call(' {}') : thought(' so '))
        }
        const said = passed([...events, text(left), stop]).said('text')
        expect(scanText(said, detectors)).toEqual([])
      }),
      { numRuns: 2_000 },
    )
  })
})

describe('what a dialect says in words of its own is looked through as one text', () => {
  const pieces = ['pay 4111 1111 ', '1111 1111 now']

  test('of a sound', () => {
    const events = pieces.flatMap((transcript) => {
      const audio = { id: 'a', data: 'AAAA', transcript }
      const data = JSON.stringify({ choices: [{ index: 1, delta: { audio } }] })
      return eventsOf(readOpenaiEvent({ event: '', data }))
    })
    const all: ChatEvent[] = [...events, { kind: 'stop', choice: 1, stop: 'stop' }]
    expect(passed(all).said('other-text')).toBe('pay [CARD] now')
  })

  test('of a sound of Gemini’s, and what else is no text is content all the same', () => {
    const said = (part: object) => {
      const data = JSON.stringify({ candidates: [{ content: { parts: [part] } }] })
      return eventsOf(readGeminiEvent({ event: '', data }))
    }
    const events = pieces.flatMap((text) => said({ audioTranscription: { text } }))
    expect(passed([...events, stop]).said('other-text')).toBe('pay [CARD] now')
    expect(said({ executableCode: { code: '1' } })).toContainEqual({ kind: 'other' })
    expect(said({ thoughtSignature: 'c2ln' })).not.toContainEqual({ kind: 'other' })
  })

  test('of a sound that is a response', () => {
    const reader = new ResponsesReader()
    const type = 'response.audio.transcript.delta'
    const events = pieces.flatMap((delta, i) => {
      const data = JSON.stringify({ type, output_index: 0, sequence_number: i, delta })
      return eventsOf(reader.read({ event: type, data }))
    })
    expect(passed([...events, stop]).said('other-text')).toBe('pay [CARD] now')
  })
})

test('the texts of very many choices and calls cost what they are (T5)', () => {
  const events: ChatEvent[] = []
  for (let i = 0; i < 60_000; i++) {
    events.push(text('a', i), { kind: 'tool-arguments', choice: i, index: i, text: ' ' })
  }
  expect(passed(events).length).toBe(60_000) // each looked at with every event: minutes
})

test('what is found beside a text that is not decided costs what it is (T5)', () => {
  const events: ChatEvent[] = [text('4111', 1)]
  for (let i = 0; i < 60_000; i++) {
    events.push(text(` me@example.com, ${'x'.repeat(100)}`, 2), call(' '), text('me@ex', 2))
  }
  events.push({ ...stop, choice: 1 }, { ...stop, choice: 2 })
  expect(passed(events).length).toBeGreaterThan(7_000_000) // joined anew at each event: minutes
})
