import fc from 'fast-check'
import { expect, test } from 'vitest'
import { base64OfText, textOfBase64 } from './base64.ts'

test('texts of any length come out as they went in', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'grapheme' }), fc.integer({ min: 0, max: 9_000 }), (one, pad) => {
      const whole = `.${'x'.repeat(pad)}${one}`
      expect(textOfBase64(Buffer.from(whole).toString('base64'))).toBe(whole)
      expect(base64OfText(whole)).toBe(Buffer.from(whole).toString('base64'))
      const bare = Buffer.from(whole).toString('base64').replace(/=+$/, '')
      expect(textOfBase64(bare)).toBe(whole)
    }),
  )
  const many = '😀é'.repeat(100_000)
  expect(textOfBase64(Buffer.from(many).toString('base64'))).toBe(many)
})

test('half a pair becomes the replacement character', () => {
  for (const half of ['\ud83d', '\ude00', 'a\ud83d!', '\ude00\ud83d']) {
    expect(base64OfText(half)).toBe(Buffer.from(half).toString('base64'))
  }
})
