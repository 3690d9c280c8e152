// Text
//
// Strict, canonical forms of text: for every value exactly one encoding is accepted, so that no
// byte of a signed or exported file can change without its meaning changing too.

const strictUtf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/** Standard padded base64 (RFC 4648, section 4). */
export function encodeBase64(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('base64')
}

/** The bytes of canonical base64; null for anything Node would merely tolerate. */
export function decodeBase64(text: string): Uint8Array | null {
  const bytes = Buffer.from(text, 'base64')
  return bytes.toString('base64') === text ? bytes : null
}

/** The text of valid UTF-8; null otherwise. A byte order mark is kept, so that it is seen. */
export function decodeUtf8(bytes: Uint8Array): string | null {
  try {
    return strictUtf8.decode(bytes)
  } catch {
    return null
  }
}

/** UTF-8 bytes; null when the string has a lone surrogate and so no encoding of its own. */
export function encodeUtf8(text: string): Uint8Array | null {
  const bytes = Buffer.from(text, 'utf8')
  return bytes.toString('utf8') === text ? bytes : null
}

/** A decimal without sign or leading zeroes, up to 2^53 - 1; null otherwise. */
export function decodeDecimal(text: string): number | null {
  if (!/^(0|[1-9][0-9]{0,15})$/.test(text)) return null
  const value = Number(text)
  return Number.isSafeInteger(value) ? value : null
}

/** Whether a text has an ASCII control character (below U+0020) other than a newline. */
export function hasControls(text: string): boolean {
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at)
    if (code < 0x20 && code !== 0x0a) return true
  }
  return false
}
