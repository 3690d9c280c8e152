import { hash } from 'node:crypto'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { commit, formatBodyLine, opens, parseBodyLine } from './index.ts'

const salts = fc.uint8Array({ minLength: 16, maxLength: 16 })
const bodies = fc.string({ unit: 'binary' })

test('an entry is a version byte and a salted hash', () => {
  const salt = Buffer.alloc(16, 3)
  const input = Buffer.concat([Buffer.of(1), salt, Buffer.from('{"a":"ü"}')])
  const expected = Buffer.concat([Buffer.of(1), hash('sha256', input, 'buffer')])
  expect(commit(salt, '{"a":"ü"}')).toEqual(expected)
})

test('an entry opens with its own salt and body only', () =>
  fc.assert(
    fc.property(salts, bodies, salts, bodies, (salt, body, otherSalt, otherBody) => {
      const entry = commit(salt, body)
      expect(entry.length).toBe(33)
      expect(opens(entry, salt, body)).toBe(true)
      expect(opens(entry, otherSalt, body)).toBe(Buffer.compare(salt, otherSalt) === 0)
      expect(opens(entry, salt, otherBody)).toBe(body === otherBody)
      expect(opens(entry.subarray(1), salt, body)).toBe(false)
    }),
  ))

test('hostile input does not open, and is not committed to', () => {
  const entry = commit(Buffer.alloc(16), '�')
  expect(opens(entry, Buffer.alloc(16), '\ud800')).toBe(false)
  expect(opens(entry, Buffer.alloc(15), '�')).toBe(false)
  expect(() => commit(Buffer.alloc(16), '\ud800')).toThrow(
    expect.objectContaining({ code: 'ledger/bad-body' }),
  )
  expect(() => commit(Buffer.alloc(15), '')).toThrow(
    expect.objectContaining({ code: 'ledger/bad-salt' }),
  )
})

test('a body line is read back, and no other spelling is', () => {
  fc.assert(
    fc.property(fc.maxSafeNat(), salts, bodies, (index, salt, body) => {
      const line = parseBodyLine(formatBodyLine({ index, salt, body }))
      expect(line).toEqual({ index, salt: Buffer.from(salt), body })
    }),
  )
  const erased = '{"index":7,"erased":true}'
  expect(parseBodyLine(erased)).toEqual({ index: 7, erased: true })
  const wrong = [
    ` ${erased}`,
    erased.replace('true', 'false'),
    erased.replace('7', '7.0'),
    erased.replace('7', '-0'),
    '{"erased":true,"index":7}',
    '{"index":7,"erased":true,"erased":true}',
    '{"index":7,"salt":"AAAA","body":""}',
    '{"index":7,"salt":"AAAAAAAAAAAAAAAAAAAAAB==","body":""}',
    '[]',
    'null',
    '',
  ]
  for (const line of wrong) expect(parseBodyLine(line), line).toBeNull()
})
