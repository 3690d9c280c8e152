import fc from 'fast-check'
import { expect, test } from 'vitest'
import { answerOfEvents, eventsOfAnswer } from './answer-events.ts'
import type { ChatAnswer, Part } from './chat.ts'

const text = fc.string({ minLength: 1 })
const part: fc.Arbitrary<Part> = fc.oneof(
  fc.record({ kind: fc.constant('text' as const), text }),
  fc.record({ kind: fc.constant('thinking' as const), text, signature: text }),
  fc.record({
    ...{ kind: fc.constant('tool-call' as const), id: text, name: text, arguments: text },
  }),
)
const count = fc.nat(1_000)
const answers: fc.Arbitrary<ChatAnswer> = fc.record({
  ...{ id: text, model: text },
  // Neighbours of one kind are one part in a stream.
  parts: fc.array(part).map((parts) => parts.filter((one, i) => one.kind !== parts[i - 1]?.kind)),
  stop: fc.constantFrom('stop', 'length', 'tool-calls', 'content-filter'),
  usage: fc.record({
    ...{ input: count, output: count, cached: count, cacheWritten: count, reasoning: count },
  }),
})

test('an answer told as a stream is the same answer', () => {
  fc.assert(
    fc.property(answers, (answer) => {
      const apart = answer.parts.filter((one, i) => one.kind !== answer.parts[i - 1]?.kind)
      fc.pre(apart.length === answer.parts.length)
      expect(answerOfEvents(eventsOfAnswer(answer))).toEqual(answer)
    }),
  )
})

test('a stream of several choices is no single answer', () => {
  expect(answerOfEvents([{ kind: 'text', choice: 1, text: 'x' }])).toBeNull()
})
