import { expect, test } from 'vitest'
import type { Message } from './chat.ts'
import { mergeMessages } from './merge-messages.ts'

const said = (role: Message['role'], text: string): Message => ({
  ...{ role, parts: [{ kind: 'text', text }] },
})

test('neighbours of one role are one message, and those that came stay as they are', () => {
  const messages = [said('user', 'a'), said('user', 'b'), said('assistant', 'c'), said('user', 'd')]
  const before = structuredClone(messages)
  const texts = mergeMessages(messages).map(({ role, parts }) => [
    role,
    ...parts.map((part) => (part.kind === 'text' ? part.text : '')),
  ])
  expect(texts).toEqual([
    ['user', 'a', 'b'],
    ['assistant', 'c'],
    ['user', 'd'],
  ])
  expect(messages).toEqual(before)
})

test('a body full of neighbours holds nobody up', () => {
  // Copied for each of them they would take minutes.
  const many = Array.from({ length: 200_000 }, () => said('user', 'a'))
  expect(mergeMessages(many)[0]?.parts).toHaveLength(200_000)
})
