import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { canonicalJson } from './canonical-json.ts'
import { ExactNumber, exactJson, exactJsonOf, exactNumberOf, mayBeInexact } from './exact-json.ts'
import { decimalOf, numberText } from './number-text.fixture.ts'

describe('exact JSON', () => {
  test('X1: any number has its value again', () => {
    fc.assert(
      fc.property(numberText, (text) => {
        expect(decimalOf(exactJson(exactJsonOf(text)))).toBe(decimalOf(text))
      }),
    )
  })

  test('X1: what stands beside a large number is what it was', () => {
    const big = '12345678901234567890'
    fc.assert(
      fc.property(fc.jsonValue(), fc.string(), numberText, (value, name, text) => {
        const json = `{"a":${big},${JSON.stringify(`b${name}`)} :[ ${text} ],"c": ${JSON.stringify(value)}}`
        const read = exactJsonOf(json)
        expect(read).toMatchObject({ a: new ExactNumber(big), c: JSON.parse(json).c })
        // As a text, where -0 is written as the 0 that it is.
        expect(JSON.stringify(JSON.parse(exactJson(read)))).toBe(JSON.stringify(JSON.parse(json)))
        expect(exactJson(read)).toContain(`{"a":${big},`)
      }),
    )
  })

  test('X2: what a double holds is one, and texts stay texts', () => {
    for (const json of ['0.30000000000000004', '9007199254740991', '-1e22', '5e-324', '1e+308']) {
      expect(exactJsonOf(json)).toBe(JSON.parse(json))
    }
    const texts = '["12345678901234567890","n1","t1","\\"n\\\\"]'
    expect(exactJsonOf(texts)).toEqual(JSON.parse(texts))
    expect(mayBeInexact('{"id":"chatcmpl-1234567890","text":"a sentence of words, no more"}')).toBe(
      false,
    )
  })

  test('X3: however deep it is nested, it is read', () => {
    const deep = (number: string) =>
      `{"id":${number},"d":${'['.repeat(50_000)}${']'.repeat(50_000)}}`
    expect(exactJsonOf(deep('1'))).toHaveProperty('id', 1)
    expect(exactJsonOf(deep('9007199254740993'))).toHaveProperty(
      'id',
      new ExactNumber('9007199254740993'),
    )
    const own = '{"__proto__":{"id":9007199254740993,"a":"b"}}'
    expect(exactJson(exactJsonOf(own))).toBe(own)
  })

  test('what is no JSON is none, with large numbers, too', () => {
    for (const text of [
      '{12345678901234567890:1}',
      '012345678901234567890',
      '1e400e400',
      '[1e400',
    ]) {
      expect(exactJsonOf(text)).toBe(undefined)
    }
  })

  test('where nobody asks for the digits it is the double next to it', () => {
    const number = exactNumberOf('9007199254740993')
    expect(JSON.stringify({ number })).toBe('{"number":9007199254740992}')
    expect(`${number} ${Number(number)}`).toBe('9007199254740993 9007199254740992')
    expect(exactNumberOf('17')).toBe(17)
  })

  test('its digits are its canonical text', () => {
    const [one, other] = ['{"id":9007199254740993}', '{"id":9007199254740992}'].map(exactJsonOf)
    expect(canonicalJson(one)).toBe('{"id":9007199254740993}')
    expect(canonicalJson(other)).toBe('{"id":9007199254740992}')
  })
})
