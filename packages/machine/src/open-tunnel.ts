// Open tunnel
//
// A connection through a proxy, by CONNECT (RFC 9110, 9.3.6). The proxy resolves the name, so that machines without a
// way to outside names can reach them; what goes through it is not the proxy's to read where it is TLS.

import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { connect as connectTls } from 'node:tls'

export interface TunnelTo {
  /** The proxy's URL, with user and password where it wants them. */
  readonly proxy: string
  /** Whom to connect to: name and port. */
  readonly host: string
  readonly signal: AbortSignal
}

const headBytesMax = 16 * 2 ** 10 // of the proxy's answer
const headEnd = Buffer.from('\r\n\r\n')

/** The connection, which nothing was read from; or why there is none. */
export async function openTunnel({ proxy, host, signal }: TunnelTo): Promise<Socket | string> {
  const url = new URL(proxy)
  const isSecure = url.protocol === 'https:'
  if (!isSecure && url.protocol !== 'http:') {
    return `the proxy ${url.origin} would have to be spoken to by HTTP, not by ${url.protocol}`
  }
  const name = url.hostname.replace(/^\[|\]$/g, '')
  const port = Number(url.port || (isSecure ? 443 : 80))
  const socket = isSecure
    ? connectTls({ host: name, port, servername: name, ALPNProtocols: ['http/1.1'] })
    : connect({ host: name, port })
  try {
    await once(socket, isSecure ? 'secureConnect' : 'connect', { signal })
    socket.write(`CONNECT ${host} HTTP/1.1\r\nhost: ${host}\r\n${credentialsOf(url)}\r\n`)
    const refusal = whyRefused(await headFrom(socket, signal))
    if (refusal === null) return socket
    socket.destroy()
    return `the proxy ${url.host} does not connect to ${host}: ${refusal}`
  } catch (error) {
    socket.destroy()
    const cause = signal.aborted ? signal.reason : error
    const said = cause instanceof Error ? cause.message : String(cause)
    return `the proxy ${url.host} does not connect to ${host}: ${said}`
  }
}

function credentialsOf({ username, password }: URL): string {
  if (username === '' && password === '') return ''
  const user = `${decodeURIComponent(username)}:${decodeURIComponent(password)}`
  return `proxy-authorization: Basic ${Buffer.from(user).toString('base64')}\r\n`
}

/** All that the proxy says before it is silent: to its empty line, or to its bound. */
async function headFrom(socket: Socket, signal: AbortSignal): Promise<Buffer> {
  let head = Buffer.alloc(0)
  while (!head.includes(headEnd) && head.length <= headBytesMax) {
    const bytes: Buffer | null = socket.read()
    if (bytes !== null) head = Buffer.concat([head, bytes])
    else if (socket.readableEnded) throw new Error('it ended the connection')
    else await once(socket, 'readable', { signal })
  }
  return head
}

/** Null for a tunnel; whoever is at its end is not heard before anything was said there. */
function whyRefused(head: Buffer): string | null {
  const end = head.indexOf(headEnd)
  if (end === -1) return 'its answer has no end'
  const [, status = ''] = /^HTTP\/1\.[01] (\d{3})/.exec(head.toString('latin1', 0, end)) ?? []
  if (!/^2\d\d$/.test(status)) return `it answered ${status === '' ? 'no HTTP' : status}`
  return end + headEnd.length < head.length ? 'it says more than that it does' : null
}
