// Signature
//
// What a model signs of its thoughts and wants back unchanged in the next turn: opaque to everybody else. In the neutral
// form it says whose it is, `anthropic:…`, so that callers of other dialects can carry it and no model gets another's.

import type { ChatEvent } from './chat.ts'

/** Who reads it; `redacted` are thoughts of Anthropic's that nobody else may read. */
export type Signer = 'anthropic' | 'redacted' | 'gemini' | 'openai'

// What Google gives for calls that its model has not made, or whose signature nobody could keep.
export const foreignSignature = 'skip_thought_signature_validator'

const form = /^tutti:((?:anthropic|redacted|gemini|openai):.*)/s

/** How another's signature begins that a caller carries: `tutti:` in Base64. */
export const carriedMark = 'dHV0dGk6'

export function signedBy(signer: Signer, text: string): string {
  return `${signer}:${text}`
}

/** Of a stream; an empty one signs nothing. */
export function signatureEvents(signer: Signer, text: string): ChatEvent[] {
  return text === '' ? [] : [{ kind: 'signature', text: signedBy(signer, text) }]
}

/** As its signer wrote it; null where that is somebody else. */
export function ownSignature(signer: Signer, signature: string | undefined): string | null {
  const head = `${signer}:`
  return signature?.startsWith(head) === true ? signature.slice(head.length) : null
}

/**
 * As callers of a dialect carry it: its own as they know it, another's packed, since some clients
 * take a signature for bytes and write them anew.
 */
export function carriedSignature(by: Signer, signature: string): string {
  return ownSignature(by, signature) ?? packed(`tutti:${signature}`)
}

/** What a caller gives back: another's that he carried, or his dialect's own. */
export function givenSignature(by: Signer, text: string): string {
  const [, signature] = text.startsWith(carriedMark) ? (form.exec(unpacked(text)) ?? []) : []
  return signature ?? signedBy(by, text)
}

const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/'
const none = 255
/** By character code, of either alphabet of Base64. */
const values = new Uint8Array(128).fill(none)
for (const [i, letter] of [...alphabet].entries()) values[letter.charCodeAt(0)] = i
for (const [i, letter] of [...'-_'].entries()) values[letter.charCodeAt(0)] = 62 + i
const letters = Uint8Array.from(alphabet, (letter) => letter.charCodeAt(0))

/** Base64 of a text of one byte a character, as signatures are; by hand: core knows no platform. */
function packed(text: string): string {
  const made = new Uint8Array(4 * Math.ceil(text.length / 3))
  for (let i = 0, at = 0; i < text.length; i += 3) {
    const group = (byteAt(text, i) << 16) | (byteAt(text, i + 1) << 8) | byteAt(text, i + 2)
    for (let shift = 18; shift >= 0; shift -= 6) made[at++] = letters[(group >> shift) & 63] ?? 0
  }
  const missing = (3 - (text.length % 3)) % 3
  return textOf(made.fill('='.charCodeAt(0), made.length - missing))
}

/** Zero behind the end. */
function byteAt(text: string, place: number): number {
  return text.charCodeAt(place) & 255
}

/** Empty where it is none. */
function unpacked(text: string): string {
  const made = new Uint8Array(Math.ceil((text.length * 3) / 4))
  const padding = text.indexOf('=')
  const end = padding === -1 ? text.length : padding
  let [bits, group, at] = [0, 0, 0]
  for (let i = 0; i < end; i++) {
    const value = values[text.charCodeAt(i)] ?? none
    if (value === none) return ''
    group = ((group << 6) | value) & 0xffff
    bits += 6
    if (bits < 8) continue
    bits -= 8
    made[at++] = group >> bits
  }
  return textOf(made.subarray(0, at))
}

const codesMax = 8_192 // arguments of one call

function textOf(codes: Uint8Array): string {
  let text = ''
  for (let i = 0; i < codes.length; i += codesMax) {
    text += Reflect.apply(String.fromCharCode, null, codes.subarray(i, i + codesMax))
  }
  return text
}
