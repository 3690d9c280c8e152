import { type Datatype, datatypeBytes } from '@tutti/core/fleet'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { formatBinaryData, parseBinaryData } from './binary-tensor.ts'
import { float16Bits, float16Value } from './float16.ts'
import { formatJsonData, parseJsonData } from './json-tensor.ts'
import { concatTensors, splitTensor, type Tensor, whyStringUnfit, zeros } from './tensor.ts'

const datatypes = Object.keys(datatypeBytes).filter((key): key is Datatype => key in datatypeBytes)
const rows = fc.tuple(fc.constantFrom(...datatypes), fc.integer({ min: 0, max: 6 }), fc.nat(3))

/** A tensor of [rows, width] with elements that its datatype and JSON can hold. */
const tensor: fc.Arbitrary<Tensor> = rows.chain(([datatype, count, width]) =>
  fc
    .array(elementOf(datatype), { minLength: count * width, maxLength: count * width })
    .map((data) => parseJsonData(data, { name: 'x', datatype, shape: [count, width] })),
)

test('a tensor survives JSON and binary, element for element', () => {
  fc.assert(
    fc.property(tensor, (before) => {
      expect(parseJsonData(JSON.parse(formatJsonData(before)), before)).toEqual(before)
      expect(parseBinaryData(formatBinaryData(before), before)).toEqual(before)
    }),
  )
})

test('cutting along dimension 0 undoes joining', () => {
  fc.assert(
    fc.property(tensor, fc.array(fc.nat(3), { minLength: 1, maxLength: 5 }), (whole, cuts) => {
      const total = whole.shape[0] ?? 0
      const counts = cuts.map((cut) => Math.min(cut, total))
      const parts = counts.map((count) => splitTensor(whole, [count])[0] ?? whole)
      expect(splitTensor(concatTensors(parts), counts)).toEqual(parts)
    }),
  )
})

test('nested data has the shape or is refused', () => {
  const head = { name: 'x', datatype: 'INT8', shape: [2, 1, 2] } as const
  const nested = [[[1, 2]], [[3, 4]]]
  expect(parseJsonData(nested, head)).toEqual(parseJsonData([1, 2, 3, 4], head))
  for (const wrong of [
    [[[1, 2]]],
    [[[1, 2, 3]], [[4]]],
    [
      [1, 2],
      [3, 4],
    ],
    [[[1, 2]], 3],
    [[[[1]]]],
  ]) {
    expect(() => parseJsonData(wrong, head)).toThrow(/tensor 'x'/)
  }
})

test.each([
  ['BOOL', 1, 'true or false'],
  ['UINT8', 256, 'from 0 to 255'],
  ['INT8', 0.5, 'from -128 to 127'],
  ['UINT64', 2 ** 53, 'binary data'],
  ['INT64', '1', 'an integer'],
  ['FP16', 70_000, 'FP16 can hold'],
  ['FP32', 1e39, 'FP32 can hold'],
  ['FP64', Number.POSITIVE_INFINITY, 'FP64 can hold'],
  ['FP32', null, 'a number'],
  ['BYTES', 3, 'a string'],
] as const)('%s refuses %j', (datatype, element, expected) => {
  const head = { name: 'x', datatype, shape: [1] }
  expect(() => parseJsonData([element], head)).toThrow(expected)
})

test('64-bit integers keep every digit on the way out', () => {
  const data = new BigInt64Array([2n ** 63n - 1n, -(2n ** 63n)])
  const text = formatJsonData({ name: 'y', datatype: 'INT64', shape: [2], data })
  expect(text).toBe('[9223372036854775807,-9223372036854775808]')
})

test.each([Number.NaN, Number.NEGATIVE_INFINITY])('%d is not written as JSON', (value) => {
  const output = {
    name: 'y',
    datatype: 'FP32',
    shape: [1],
    data: new Float32Array([value]),
  } as const
  expect(() => formatJsonData(output)).toThrow('ask for it with')
})

test('hostile binary data is refused without being believed', () => {
  const bytes = { name: 'x', datatype: 'BYTES', shape: [1] } as const
  expect(() => parseBinaryData(Buffer.from([255, 255, 255, 255, 1]), bytes)).toThrow('claims')
  expect(() => parseBinaryData(Buffer.from([1, 0]), bytes)).toThrow('inside a length')
  expect(() => parseBinaryData(Buffer.from([1, 0, 0, 0, 0xff]), bytes)).toThrow('not UTF-8')
  expect(() => parseBinaryData(Buffer.from([1, 0, 0, 0, 0]), bytes)).toThrow('NUL')
  expect(() => parseJsonData(['a\0b'], bytes)).toThrow('NUL')
  expect(() => parseJsonData(['\ud800'], bytes)).toThrow('well-formed')
  expect(() => parseBinaryData(Buffer.from([0, 0, 0, 0, 0, 0, 0, 0]), bytes)).toThrow('got 2')
  expect(() =>
    parseBinaryData(Buffer.alloc(8), { name: 'x', datatype: 'FP64', shape: [2 ** 50] }),
  ).toThrow('expected')
})

test('every half-precision number but NaN survives the way there and back', () => {
  for (let bits = 0; bits < 2 ** 16; bits++) {
    const value = float16Value(bits)
    if (Number.isNaN(value)) expect(Number.isNaN(float16Value(float16Bits(value)))).toBe(true)
    else if (float16Bits(value) !== bits) expect(float16Bits(value)).toBe(bits)
  }
})

test('a double becomes the nearest half-precision number', () => {
  fc.assert(
    fc.property(fc.double({ min: -65_000, max: 65_000, noNaN: true }), (value) => {
      const bits = float16Bits(value)
      const error = Math.abs(float16Value(bits) - value)
      for (const neighbour of [bits - 1, bits + 1]) {
        const other = float16Value(neighbour & 0xffff)
        if (Number.isFinite(other)) expect(error).toBeLessThanOrEqual(Math.abs(other - value))
      }
    }),
  )
})

test('zeros take 1 for every open dimension', () => {
  expect(zeros({ name: 'x', datatype: 'BYTES', shape: [-1, 2] })).toMatchObject({
    shape: [1, 2],
    data: ['0', '0'],
  })
})

function elementOf(datatype: Datatype): fc.Arbitrary<unknown> {
  switch (datatype) {
    case 'BYTES':
      return fc.string({ unit: 'binary' }).filter((text) => whyStringUnfit(text) === null)
    case 'BOOL':
      return fc.boolean()
    case 'FP16':
      return fc.integer({ min: 0, max: 0x7bff }).map(float16Value)
    case 'FP32':
      return fc.float({ noNaN: true, noDefaultInfinity: true }).map((value) => value + 0)
    case 'FP64':
      return fc.double({ noNaN: true, noDefaultInfinity: true }).map((value) => value + 0)
    case 'INT64':
      return fc.maxSafeInteger()
    case 'UINT64':
      return fc.maxSafeNat()
    default: {
      const bits = 8 * datatypeBytes[datatype]
      const signed = datatype.startsWith('INT')
      return signed
        ? fc.integer({ min: -(2 ** (bits - 1)), max: 2 ** (bits - 1) - 1 })
        : fc.integer({ min: 0, max: 2 ** bits - 1 })
    }
  }
}
