import { expect, test } from 'vitest'
import { compareAnswers, compareOutputs } from './compare-answers.ts'

test('answers are as alike as their words', () => {
  expect(compareAnswers('a b', 'a b')).toEqual({ isSame: true, similarity: 1 })
  expect(compareAnswers('A, b.', 'b a!')).toEqual({ isSame: false, similarity: 1 })
  expect(compareAnswers('a b c', 'b c d').similarity).toBe(0.5)
  expect(compareAnswers('a', 'b').similarity).toBe(0)
  expect(compareAnswers('', '…').similarity).toBe(1)
})

const outputs = (given: Record<string, (string | number)[]>) => new Map(Object.entries(given))

test.each([
  [{ p: [1, 2] }, { p: [1, 2] }, true, 1],
  [{ p: [1, 1] }, { p: [1, 0] }, false, 2 / 3],
  [{ p: [5] }, { p: [-5] }, false, 0],
  [{ label: ['cat', 'dog'] }, { label: ['cat', 'cow'] }, false, 0.5],
  [{ p: [1], q: [1] }, { p: [1] }, false, 0.5],
  [{ p: [1] }, { p: [1], q: [1] }, false, 0.5],
  [{ p: [1, 2] }, { p: [1] }, false, 0],
  [{ p: [0, 0] }, { p: [0, 0] }, true, 1],
])('outputs are as alike as their values: %j, %j', (live, shadow, isSame, similarity) => {
  const alike = compareOutputs(outputs(live), outputs(shadow))
  expect(alike.isSame).toBe(isSame)
  expect(alike.similarity).toBeCloseTo(similarity, 12)
})

test('what is nearly the same is not the same', () => {
  const alike = compareOutputs(outputs({ p: [1e300, 1] }), outputs({ p: [1e300, 2] }))
  expect(alike.isSame).toBe(false)
  expect(alike.similarity).toBeGreaterThan(0.99)
})

test('values that add up to more than a number holds are as unlike as can be', () => {
  const alike = compareOutputs(outputs({ p: [1e308, 1e308] }), outputs({ p: [1e308, -1e308] }))
  expect(alike).toEqual({ isSame: false, similarity: 0 })
})
