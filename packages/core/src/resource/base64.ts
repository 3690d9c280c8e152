// Base64
//
// Texts as Base64 of their UTF-8, and back; by hand, since core knows no platform.

/** Null for what is no Base64 of UTF-8. */
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

/** What is no character of its own (half a pair) becomes the replacement character. */
export function base64OfText(text: string): string {
  const bytes = unescape(encodeURIComponent(text.replace(halves, '\ufffd'))) // a character of each
  const groups: string[] = []
  for (let at = 0; at < bytes.length; at += 3) {
    const [a, b, c] = [bytes.charCodeAt(at), bytes.charCodeAt(at + 1), bytes.charCodeAt(at + 2)]
    const group = (a << 16) | (b << 8) | c // beyond the end is NaN, which shifts as 0
    groups.push(letterAt(group, 18) + letterAt(group, 12) + letterAt(group, 6) + letterAt(group, 0))
  }
  const missing = (3 - (bytes.length % 3)) % 3
  const made = groups.join('')
  return made.slice(0, made.length - missing) + '='.repeat(missing)
}

const halves = /[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/g

function letterAt(group: number, shift: number): string {
  return alphabet[(group >> shift) & 63] ?? ''
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
