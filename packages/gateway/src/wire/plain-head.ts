// Plain head
//
// Whether the head of a request has the one plain form that nearly all callers send; then it is read here, else
// node:http reads it. So what is read here needs no leniency: whatever could be read in two ways is not plain.
//
// Invariants:
//   W1. A head is plain only if node:http reads the same method, path, headers and length from it.

import type { IncomingHttpHeaders } from 'node:http'
import { bodyBytesMax } from './reply.ts'

export interface PlainHead {
  readonly url: string
  readonly headers: IncomingHttpHeaders
  readonly contentLength: number
  /** Where the body begins. */
  readonly bytes: number
}

const headBytesMax = 16 * 2 ** 10 - 4 // what node:http allows
const headEnd = Buffer.from('\r\n\r\n')
const firstLine = /^POST \/[\x21-\x22\x24-\x7e]* HTTP\/1\.1\r\n/
const headerLines = /^(?:[!#$%&'*+.^_`|~0-9A-Za-z-]+:[\x20-\x7e\t]*\r\n)*$/
// What changes how a message is read, or what follows it.
const special: ReadonlySet<string> = new Set([
  ...['transfer-encoding', 'expect', 'upgrade', 'te', 'trailer', 'proxy-connection'],
  ...['content-encoding', 'keep-alive', 'http2-settings', '__proto__'],
])

/** Null for all that is not plain, or not whole. */
export function parsePlainHead(bytes: Buffer): PlainHead | null {
  const end = bytes.indexOf(headEnd)
  if (end === -1 || end > headBytesMax) return null
  const text = bytes.toString('latin1', 0, end + 2) // with the end of the last line
  const firstEnd = text.indexOf('\r\n') + 2
  if (!firstLine.test(text) || !headerLines.test(text.slice(firstEnd))) return null
  const headers: Record<string, string> = {}
  for (let from = firstEnd; from < text.length; ) {
    const colon = text.indexOf(':', from)
    const lineEnd = text.indexOf('\r\n', colon)
    const name = text.slice(from, colon).toLowerCase()
    if (special.has(name) || Object.hasOwn(headers, name)) return null
    headers[name] = text.slice(colon + 1, lineEnd).trim()
    from = lineEnd + 2
  }
  const { host, connection, 'content-length': length = '' } = headers
  if (host === undefined || !/^\d{1,9}$/.test(length)) return null
  if (connection !== undefined && connection !== 'keep-alive') return null
  const contentLength = Number(length)
  if (contentLength > bodyBytesMax) return null
  const url = text.slice('POST '.length, firstEnd - ' HTTP/1.1\r\n'.length)
  return { url, headers, contentLength, bytes: end + headEnd.length }
}
