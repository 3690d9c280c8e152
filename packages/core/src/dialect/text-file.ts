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
const notOne = 0xff
// Of each letter’s code; what is no letter has bits above the sixth.
const sixBits = Uint8Array.from({ length: 256 }, (_, i) => {
  const bits = alphabet.indexOf(String.fromCharCode(i))
  return bits === -1 ? notOne : bits
})

function bytesOf(data: string): Uint8Array | null {
  const padding = data.endsWith('==') ? 2 : data.endsWith('=') ? 1 : 0
  const length = data.length - padding
  if (length % 4 === 1) return null
  const bytes = new Uint8Array(Math.ceil(length / 4) * 3)
  let all = 0
  for (let i = 0, at = 0; i < length; i += 4) {
    const a = bitsAt(data, i)
    const b = bitsAt(data, i + 1)
    const c = i + 2 < length ? bitsAt(data, i + 2) : 0
    const d = i + 3 < length ? bitsAt(data, i + 3) : 0
    all |= a | b | c | d
    bytes[at] = (a << 2) | (b >> 4)
    bytes[at + 1] = (b << 4) | (c >> 2)
    bytes[at + 2] = (c << 6) | d
    at += 3
  }
  return all > 63 ? null : bytes.subarray(0, Math.floor((length * 3) / 4))
}

function bitsAt(data: string, at: number): number {
  return sixBits[data.charCodeAt(at)] ?? notOne
}

const sliceMax = 4_096 // bytes: they become arguments of one call

/** No character goes over it. */
function endOfSlice(bytes: Uint8Array, start: number): number {
  const most = start + sliceMax
  if (most >= bytes.length) return bytes.length
  const back = [0, 1, 2, 3].find((one) => ((bytes[most - one] ?? 0) & 0xc0) !== 0x80)
  return most - (back ?? 0)
}

const aboveAscii = /[\x80-\xff]/

/** A character of each byte, escaped where there is more than ASCII: as addresses hold UTF-8. */
function textOfUtf8(bytes: Uint8Array): string | null {
  const said: string = Reflect.apply(String.fromCharCode, null, bytes)
  if (!aboveAscii.test(said)) return said
  try {
    return decodeURIComponent(escape(said)) // by far the fastest that is there on every platform
  } catch {
    return null
  }
}
