// What an outline says of a request is what JSON.parse says of it, but for the ends of its long texts.

import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { outlineOf } from './outline.ts'
import { textEnd } from './text-end.ts'

const runs = { numRuns: 500 }

/** Whether `short` is `whole` with some of its long texts cut. */
function isOutline(short: unknown, whole: unknown): boolean {
  if (typeof whole === 'string') {
    const isCut = typeof short === 'string' && short.length < whole.length
    if (!isCut) return short === whole
    // Half of a character that is written as two escapes may be left.
    return Buffer.byteLength(short) >= 85 && whole.startsWith(short)
  }
  if (typeof whole !== 'object' || whole === null) return Object.is(short, whole)
  if (typeof short !== 'object' || short === null) return false
  const names = Object.keys(whole)
  const same = JSON.stringify(Object.keys(short)) === JSON.stringify(names)
  return same && names.every((name) => isOutline(member(short, name), member(whole, name)))
}

const member = (of: object, name: string): unknown =>
  Object.getOwnPropertyDescriptor(of, name)?.value

/** Pieces of which texts are made that are hard to find the end of. */
const piece = fc.oneof(
  fc.constantFrom('\\"', '\\\\', '\\n', '\\u00e9', '\\uD83D\\uDE00', 'é', '😀', '{', '}', ',', ':'),
  fc.string({ unit: 'grapheme', maxLength: 8 }).map((text) => JSON.stringify(text).slice(1, -1)),
)
const wrong = fc.constantFrom('\\x', '\\u12g4', '\\', '\n', '\u0000', '\\u', '"')
const longText = fc
  .tuple(fc.array(piece, { maxLength: 60 }), fc.integer({ min: 0, max: 700 }), fc.nat(60))
  .map(([pieces, plain, at]) => {
    const spread = pieces.toSpliced(at, 0, 'x'.repeat(plain))
    return `"${spread.join('')}"`
  })
const leaf = fc.oneof(longText, fc.constantFrom('1', 'null', 'true', '-0.5e3', '""'))
const name = fc.oneof(longText, fc.constantFrom('"model"', '"mod\\u0065l"', '"m"'))
const value = nested(nested(leaf))

/** What it is given, or a list or an object of that. */
function nested(inner: fc.Arbitrary<string>): fc.Arbitrary<string> {
  const members = fc.array(fc.tuple(name, inner), { maxLength: 4 })
  return fc.oneof(
    inner,
    fc.array(inner, { maxLength: 4 }).map((list) => `[${list.join(' , ')}]`),
    members.map((list) => `{ ${list.map(([one, of]) => `${one} : ${of}`).join(',')} }`),
  )
}

const parsed = (text: string): { readonly value: unknown } | null => {
  try {
    return { value: JSON.parse(text) }
  } catch {
    return null
  }
}

describe('outline', () => {
  test('is what JSON.parse takes, with long texts cut (J2)', () => {
    const body = fc.oneof(
      value,
      fc.tuple(value, wrong, fc.nat()).map(([text, bad, at]) => {
        const place = at % (text.length + 1)
        return text.slice(0, place) + bad + text.slice(place)
      }),
      fc.tuple(value, fc.nat()).map(([text, at]) => text.slice(0, at % (text.length + 1))),
    )
    fc.assert(
      fc.property(body, (text) => {
        const bytes = Buffer.from(text)
        const whole = parsed(bytes.toString('utf8'))
        const outline = outlineOf(bytes)
        // Bodies here are short: whatever is JSON has an outline.
        expect(outline !== null).toBe(whole !== null)
        if (outline !== null) expect(isOutline(outline.value, whole?.value)).toBe(true)
      }),
      runs,
    )
  })

  test('its model is the value of the top-level member of that name (J3)', () => {
    const top = fc.constantFrom(
      '"model"',
      '"mod\\u0065l"',
      '"modem"',
      '"m"',
      `"${'m'.repeat(600)}"`,
    )
    const of = fc.oneof(longText, value)
    fc.assert(
      fc.property(fc.array(fc.tuple(top, of), { maxLength: 8 }), (members) => {
        const text = `{${members.map(([one, of]) => ` ${one}: ${of}`).join(',')}}`
        const bytes = Buffer.from(text)
        const models = members.filter(([one]) => JSON.parse(one) === 'model').map(([, of]) => of)
        const at = outlineOf(bytes)?.model ?? null
        const said = at === null ? undefined : bytes.toString('utf8', at.start, at.end)
        expect(said).toBe(models.findLast((one) => one.startsWith('"')))
      }),
      runs,
    )
  })

  test('a text of any length ends where it does, wherever an escape falls (J1)', () => {
    for (const said of ['\\n', '\\"', '\\u00e9', 'é', 'x']) {
      for (const near of [16, 65_536, 131_072]) {
        for (let length = near - 80; length < near + 40; length++) {
          const text = Buffer.from(`${'x'.repeat(Math.max(0, length))}${said}${'y'.repeat(90)}"z`)
          expect(textEnd(text, 0)).toBe(text.length - 2)
          expect(textEnd(text.subarray(0, -2), 0)).toBe(-1)
        }
      }
    }
  })

  test('each escape is one to JSON.parse too, wherever it falls (J1)', () => {
    const inside = /^(?:[ !#-[\]-~\x7f]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*"/
    for (let code = 0; code < 128; code++) {
      for (const tail of ['', '\\', '00e9', '00g9', '0e9"']) {
        const written = `\\${String.fromCharCode(code)}${tail}`
        for (const row of [0, 1, 2, 31, 32]) {
          for (const plain of [0, 1, 15, 16, 57, 58, 59, 60, 61, 62, 63, 64, 65, 66]) {
            const text = `${'x'.repeat(plain)}${'\\\\'.repeat(row)}${written}y"`
            const end = (inside.exec(text)?.[0].length ?? 0) - 1
            if (textEnd(Buffer.from(text), 0) !== end) expect.fail(JSON.stringify(text))
          }
        }
      }
    }
  })

  test('what is wrong in a text is found anywhere in it (J1)', () => {
    for (const wrong of ['\\x', '\\u00g0', '\n', '\u0000', '\u001f']) {
      for (const near of [0, 65_536]) {
        for (let before = Math.max(0, near - 20); before < near + 20; before++) {
          const text = Buffer.from(`${'x'.repeat(before)}${wrong}${'y'.repeat(100)}"`)
          expect(textEnd(text, 0)).toBe(-1)
        }
      }
    }
  })

  test('long names stay whole, and what is mostly short texts is left to JSON.parse', () => {
    const long = 'n'.repeat(600)
    const body = Buffer.from(JSON.stringify({ [`${long}1`]: 1, [`${long}2`]: 2, text: long }))
    expect(outlineOf(body)?.value).toEqual({
      ...{ [`${long}1`]: 1, [`${long}2`]: 2 },
      text: long.slice(0, 512),
    })
    const short = JSON.stringify({ list: Array.from({ length: 10_000 }, () => 'short') })
    expect(outlineOf(Buffer.from(short))).toBeNull()
    expect(outlineOf(Buffer.from([0x22, 0xff, 0x22]))).toBeNull()
  })
})
