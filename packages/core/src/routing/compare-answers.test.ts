import { expect, test } from 'vitest'
import { compareAnswers } from './compare-answers.ts'

test('answers are as alike as their words', () => {
  expect(compareAnswers('a b', 'a b')).toEqual({ isSame: true, similarity: 1 })
  expect(compareAnswers('A, b.', 'b a!')).toEqual({ isSame: false, similarity: 1 })
  expect(compareAnswers('a b c', 'b c d').similarity).toBe(0.5)
  expect(compareAnswers('a', 'b').similarity).toBe(0)
  expect(compareAnswers('', '…').similarity).toBe(1)
})
