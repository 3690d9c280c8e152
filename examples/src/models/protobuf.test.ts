import { expect, test } from 'vitest'
import { integerField, messageField, textField } from './protobuf.ts'

// The first three are the examples of the format's own documentation.
test.each([
  ['an integer', integerField(1, 150), [0x08, 0x96, 0x01]],
  ['a text', textField(2, 'testing'), [0x12, 0x07, 0x74, 0x65, 0x73, 0x74, 0x69, 0x6e, 0x67]],
  ['a message', messageField(3, [integerField(1, 150)]), [0x1a, 0x03, 0x08, 0x96, 0x01]],
  ['a negative integer', integerField(1, -1), [0x08, ...Array(9).fill(0xff), 0x01]],
  ['a field number beyond 15', integerField(20, 2), [0xa0, 0x01, 0x02]],
])('%s is encoded as the format says', (_name, bytes, expected) => {
  expect([...bytes]).toEqual(expected)
})
