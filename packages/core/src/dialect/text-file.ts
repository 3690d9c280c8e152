// Text file
//
// A file that is plain text (`text/…`, JSON) is said as a text, after its name: every dialect has texts, and few have
// such files. One that is not UTF-8 stays a file, which has no counterpart.

import type { Part } from './chat.ts'

/** What a part says, and of a result of a tool what it shows. */
export function saidFiles(part: Part): readonly Part[] {
  if (part.kind === 'tool-result') return [{ ...part, parts: part.parts.flatMap(saidFiles) }]
  if (part.kind !== 'document' || part.source.kind === 'url') return [part]
  const { mediaType, data } = part.source
  const text = textTypes.test(mediaType) ? textOfBase64(data) : null
  return text === null ? [part] : namedText(part.name, text)
}

const textTypes = /^(text\/|application\/json$)/i

export function namedText(name: string | undefined, text: string): readonly Part[] {
  const said = { kind: 'text', text } as const
  return name === undefined || name === '' ? [said] : [{ kind: 'text', text: `${name}:` }, said]
}

/** By hand, since core knows no platform; null for what is no Base64 of UTF-8. */
export function textOfBase64(data: string): string | null {
  const bytes = bytesOf(data)
  if (bytes === null) return null
  const texts: string[] = []
  for (let at = 0; at < bytes.length; ) {
    const end = endOfSlice(bytes, at)
    const text = textOfUtf8(bytes.subarray(at, end))
    if (text === null) return null
    texts.push(text)
    at = end
  }
  return texts.join('').replace(/^\uFEFF/, '')
}

const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/'
const sixBits = Int8Array.from({ length: 128 }, (_, i) => alphabet.indexOf(String.fromCharCode(i)))

function bytesOf(data: string): Uint8Array | null {
  const padding = data.endsWith('==') ? 2 : data.endsWith('=') ? 1 : 0
  const length = data.length - padding
  if (length % 4 === 1) return null
  const bytes = new Uint8Array(Math.floor((length * 3) / 4))
  let held = 0
  for (let i = 0, at = 0; i < length; i++) {
    const bits = sixBits[data.charCodeAt(i)] ?? -1
    if (bits === -1) return null
    held = ((held << 6) | bits) & 0xffffff
    if (i % 4 !== 0) bytes[at++] = (held >> (6 - 2 * (i % 4))) & 0xff
  }
  return bytes
}

const sliceMax = 4_096 // bytes: they become arguments of one call

/** No character goes over it. */
function endOfSlice(bytes: Uint8Array, start: number): number {
  const most = start + sliceMax
  if (most >= bytes.length) return bytes.length
  const back = [0, 1, 2, 3].find((one) => ((bytes[most - one] ?? 0) & 0xc0) !== 0x80)
  return most - (back ?? 0)
}

const escapes = Array.from({ length: 256 }, (_, i) => `%${i.toString(16).padStart(2, '0')}`)

function textOfUtf8(bytes: Uint8Array): string | null {
  if (bytes.every((byte) => byte < 0x80)) return String.fromCharCode(...bytes)
  try {
    return decodeURIComponent(Array.from(bytes, (byte) => escapes[byte]).join(''))
  } catch {
    return null
  }
}
