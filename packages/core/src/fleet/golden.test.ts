import { describe, expect, test } from 'vitest'
import { argmaxRows, decideProbe, golden } from './golden.ts'
import type { JsonTensor } from './tensor.ts'

const tensor = (data: JsonTensor['data'], shape = [data.length]): JsonTensor => ({
  ...{ name: 'y', datatype: 'FP32', shape, data },
})
const fileOf = (comparison: object, ...outputs: JsonTensor[]) =>
  golden.parse({ comparison, cases: outputs.map((one) => ({ inputs: [], outputs: [one] })) })
const close = (absolute: number, relative: number) => ({ kind: 'close', absolute, relative })

describe('probe', () => {
  test('close: within absolute plus relative difference, and not a hair more', () => {
    const file = fileOf(close(0.1, 0.01), tensor([100, -100, 0]))
    expect(decideProbe(file, [[tensor([101, -101, 0.1])]])).toEqual({ ok: true, cases: 1 })
    for (const seen of [
      [101.2, -100, 0],
      [100, -98.8, 0],
      [100, -100, 0.11],
    ]) {
      expect(decideProbe(file, [[tensor(seen)]]).ok).toBe(false)
    }
  })

  test('close: NaN never passes for a number, nor a text for another', () => {
    const numbers = fileOf(close(1e9, 1), tensor([1]))
    expect(decideProbe(numbers, [[tensor([Number.NaN])]]).ok).toBe(false)
    expect(decideProbe(numbers, [[tensor(['1'])]]).ok).toBe(false)
    const texts = fileOf(close(0, 0), tensor(['cat']))
    expect(decideProbe(texts, [[tensor(['cat'])]]).ok).toBe(true)
    expect(decideProbe(texts, [[tensor(['dog'])]]).ok).toBe(false)
  })

  test('a missing output, another length and too few answers are refused, each in its own words', () => {
    const file = fileOf(close(0, 0), tensor([1, 2]))
    const reasonOf = (seen: JsonTensor[][]) => {
      const verdict = decideProbe(file, seen)
      return verdict.ok ? '' : verdict.reason
    }
    expect(reasonOf([[]])).toContain('is missing')
    expect(reasonOf([[tensor([1])]])).toContain('1 elements, expected 2')
    expect(reasonOf([])).toBe('expected 1 answers, got 0')
  })

  test('label: the share of rows with the same argmax decides', () => {
    const rule = { kind: 'label', output: 'y', agreementMin: 0.75 }
    const promised = tensor([0.9, 0.1, 0.2, 0.8, 0.6, 0.4, 0.3, 0.7], [4, 2])
    const file = fileOf(rule, promised)
    const oneFlipped = tensor([0.6, 0.4, 0.4, 0.6, 0.4, 0.6, 0.1, 0.9], [4, 2])
    const twoFlipped = tensor([0.4, 0.6, 0.4, 0.6, 0.4, 0.6, 0.1, 0.9], [4, 2])
    expect(decideProbe(file, [[oneFlipped]]).ok).toBe(true)
    expect(decideProbe(file, [[twoFlipped]])).toMatchObject({
      reason: expect.stringContaining('2 of 4'),
    })
    expect(decideProbe(file, [[]]).ok).toBe(false)
    expect(decideProbe(fileOf({ ...rule, output: 'z' }, promised), [[promised]]).ok).toBe(false)
  })

  test('label: an empty golden tensor proves nothing', () => {
    const rule = { kind: 'label', output: 'y', agreementMin: 0.5 }
    expect(decideProbe(fileOf(rule, tensor([], [0, 2])), [[tensor([], [0, 2])]]).ok).toBe(false)
  })

  test('argmax: the first of equals, and never NaN', () => {
    expect(argmaxRows(tensor([1, 1, Number.NaN, 5], [2, 2]))).toEqual([0, 1])
    expect(argmaxRows(tensor([Number.NaN, Number.NaN], [1, 2]))).toEqual([-1])
  })

  test('label: rows of nothing but NaN agree with nothing, themselves included', () => {
    const rule = { kind: 'label', output: 'y', agreementMin: 1 }
    const nothing = tensor(['x', 'x'], [1, 2]) // no numbers: no label
    expect(decideProbe(fileOf(rule, nothing), [[nothing]]).ok).toBe(false)
  })
})
