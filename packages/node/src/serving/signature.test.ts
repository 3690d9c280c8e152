import type { TensorSignature, Variant } from '@tutti/core/fleet'
import { expect, test } from 'vitest'
import { isBatchable, signatureOf } from './signature.ts'

const session: Pick<Variant, 'inputs' | 'outputs'> = {
  inputs: [{ name: 'x', datatype: 'FP32', shape: [-1, 4] }],
  outputs: [{ name: 'y', datatype: 'INT64', shape: [-1] }],
}
const declared = { name: 'fp32', ...session }
const x: TensorSignature = { name: 'x', datatype: 'FP32', shape: [-1, 4] }

test('what the variant does not declare comes from the session', () => {
  expect(signatureOf({ name: 'fp32', inputs: [], outputs: [] }, session)).toEqual(session)
})

test('a declaration may be narrower than the session', () => {
  const narrow = [{ ...x, shape: [1, 4] }]
  expect(signatureOf({ ...declared, inputs: narrow }, session).inputs).toEqual(narrow)
})

test.each([
  ['no such tensor', { ...x, name: 'z' }, "'z' is not a tensor of the file"],
  ['another datatype', { ...x, datatype: 'FP64' as const }, 'is FP32, declared FP64'],
  ['another size', { ...x, shape: [-1, 5] }, 'has shape [-1,4], declared [-1,5]'],
  ['another rank', { ...x, shape: [-1] }, 'declared [-1]'],
])('%s is refused', (_, input, reason) => {
  const variant = { ...declared, inputs: [input] }
  expect(() => signatureOf(variant, session)).toThrow(reason)
})

test('a model batches where every tensor has an open dimension 0', () => {
  expect(isBatchable(session)).toBe(true)
  expect(isBatchable({ ...session, outputs: [{ ...x, shape: [] }] })).toBe(false)
  expect(isBatchable({ inputs: [], outputs: [] })).toBe(false)
})
