import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { didKeyOf, newPrivateKey, parseDidKey } from './did-key.ts'
import { signText, verifyText } from './signed-text.ts'

// The example of W3C CCG, The did:key Method, section 3.1 (Ed25519).
const published = 'did:key:z6MkhaXgBZDvotDkL5257faiztiGiC2QtKLGpbnnEGta2doK'

describe('did:key', () => {
  test('the published example is read and written again', () => {
    expect(didKeyOf(parseDidKey(published))).toBe(published)
  })

  test('a key has one name: leading ones, other prefixes and other lengths are refused', () => {
    const name = didKeyOf(newPrivateKey())
    const tail = name.slice('did:key:z'.length)
    const others = [
      `did:key:z1${tail}`,
      `did:key:z11${tail}`,
      `did:key:${tail}`,
      `${name}1`,
      name.slice(0, -1),
      'did:key:z',
      '',
    ]
    for (const other of others) {
      expect(() => parseDidKey(other)).toThrow(
        expect.objectContaining({ code: 'ledger/bad-did-key' }),
      )
    }
  })
})

describe('signed text', () => {
  const key = newPrivateKey()
  const signer = didKeyOf(key)

  test('verifies, and for this purpose, text and key alone', () => {
    const signature = signText(key, 'a\n', 'text')
    expect(verifyText(signer, 'a\n', { text: 'text', signature })).toBe(true)
    expect(verifyText(signer, 'b\n', { text: 'text', signature })).toBe(false)
    expect(verifyText(signer, 'a\n', { text: 'Text', signature })).toBe(false)
    expect(verifyText(didKeyOf(newPrivateKey()), 'a\n', { text: 'text', signature })).toBe(false)
  })

  test('is false, and throws nothing, for hostile names and signatures', () => {
    const signature = signText(key, 'a\n', 'text')
    for (const bad of [signature.replace('==', ''), `${signature} `, `\n${signature}`, '', '*']) {
      expect(verifyText(signer, 'a\n', { text: 'text', signature: bad })).toBe(false)
    }
    fc.assert(
      fc.property(fc.string(), fc.string(), (name, noise) => {
        expect(verifyText(name, 'a\n', { text: 'text', signature })).toBe(false)
        expect(verifyText(signer, 'a\n', { text: 'text', signature: noise })).toBe(false)
      }),
    )
  })
})
