// Head again
//
// The head of a request that offers another protocol than WebSocket (`Upgrade: h2c`, as Java's client does), written anew
// without the offer: a server that does not take it answers as if it had not been made (RFC 9110 section 7.8).

import type { IncomingMessage } from 'node:http'

const offering: ReadonlySet<string> = new Set(['upgrade', 'http2-settings', 'connection'])

/** Null for who asks for a WebSocket. Values are node:http's: no line of them breaks another. */
export function headWithoutOffer(request: IncomingMessage): string | null {
  const { method = 'GET', url = '/', httpVersion, headers, rawHeaders } = request
  if (headers.upgrade?.toLowerCase() === 'websocket') return null
  const lines = [`${method} ${url} HTTP/${httpVersion}`]
  for (let i = 0; i + 1 < rawHeaders.length; i += 2) {
    const [name = '', value = ''] = rawHeaders.slice(i, i + 2)
    if (!offering.has(name.toLowerCase())) lines.push(`${name}: ${value}`)
  }
  const isLast = /(^|,)\s*close\s*(,|$)/i.test(headers.connection ?? '')
  if (isLast) lines.push('Connection: close')
  return `${lines.join('\r\n')}\r\n\r\n`
}
