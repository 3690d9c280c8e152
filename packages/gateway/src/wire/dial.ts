// Dial
//
// One connection to an upstream: straight to the address that its name stands for, or by a tunnel through a proxy.
//
// Invariants:
//   D1. Where only some addresses may be dialled, a connection goes to an address that was judged. Through a proxy the
//       name is the proxy's to resolve: it is refused where it is known here to stand for what may not be dialled.
//   D2. Of a connection that is paused nothing is read: what comes waits in the kernel, and is read in one go.

import { connect, isIP, type LookupFunction, type Socket } from 'node:net'
import { connect as connectTls, type TLSSocket } from 'node:tls'
import { openTunnel } from '@tutti/machine'

/** How upstreams are reached. */
export interface Reach {
  /** Gives the addresses that may be dialled; absent: all. */
  readonly lookup?: LookupFunction
  /** Why a name may not be asked for through a proxy; null where it may, or nobody knows. */
  readonly whyForbidden?: (name: string) => Promise<Error | null>
  /** The proxy for a URL; absent or null: it is asked directly. */
  readonly proxyFor?: (url: string) => string | null
}

export interface Dial {
  readonly url: URL
  readonly reach: Reach
  /** Of the last TLS handshake, so that the next one is short. */
  readonly session: Buffer | undefined
}

export interface DialPorts {
  readonly onDone: (socket: Socket) => void
  /** May be called again, also after `onDone`. */
  readonly onFailed: (error?: Error) => void
  readonly onSession: (session: Buffer) => void
}

/** What comes back gives it up, for this reason. */
export function dial(to: Dial, ports: DialPorts): (reason: Error) => void {
  const proxy = to.reach.proxyFor?.(to.url.href) ?? null
  if (proxy !== null) return dialThrough(proxy, to, ports)
  const socket = dialStraight(to)
  const isDone = isTls(to) ? 'secureConnect' : 'connect'
  follow(socket, (listener) => socket.once(isDone, listener), ports)
  return (reason) => socket.destroy(reason)
}

function dialStraight({ url, reach: { lookup }, session }: Dial): Socket | TLSSocket {
  const { protocol, port } = url
  // D2. Without it a socket that is paused reads on until 16 KB are there, each piece by itself.
  const callback = (count: number) => socket.emit('data', copyOf(count))
  const onread = { buffer: readInto, callback }
  const more = { host: hostOf(url), onread, ...(lookup === undefined ? {} : { lookup }) }
  const socket: Socket =
    protocol === 'https:'
      ? connectTls({ port: Number(port || 443), ...more, ...tlsOf(url, session) })
      : connect({ port: Number(port || 80), ...more })
  return socket
}

// Where all of them read into: each takes at once what has come for it.
const readInto = Buffer.allocUnsafeSlow(64 * 2 ** 10)

/** With memory of its own: out of the pool a short answer that is kept would hold all of 8 KB. */
function copyOf(count: number): Buffer {
  const bytes = Buffer.allocUnsafeSlow(count)
  readInto.copy(bytes, 0, 0, count)
  return bytes
}

function dialThrough(proxy: string, to: Dial, ports: DialPorts): (reason: Error) => void {
  const giving = new AbortController()
  let socket: Socket | null = null
  const open = async () => {
    const host = hostOf(to.url)
    const forbidden = (await to.reach.whyForbidden?.(host)) ?? null // D1
    if (forbidden !== null) throw forbidden
    const named = to.url.hostname
    const port = to.url.port || (isTls(to) ? '443' : '80')
    const { signal } = giving
    const opened = await openTunnel({ proxy, host: `${named}:${port}`, signal })
    if (typeof opened === 'string') throw new Error(opened)
    socket = isTls(to) ? connectTls({ socket: opened, ...tlsOf(to.url, to.session) }) : opened
    if (signal.aborted) socket.destroy(signal.reason)
    const whenDone = (listener: () => void) =>
      isTls(to) ? socket?.once('secureConnect', listener) : listener()
    follow(socket, whenDone, ports)
  }
  open().catch(ports.onFailed)
  return (reason) => {
    giving.abort(reason)
    socket?.destroy(reason)
  }
}

function follow(
  socket: Socket,
  whenDone: (listener: () => void) => unknown,
  { onDone, onFailed, onSession }: DialPorts,
): void {
  socket.once('error', onFailed)
  socket.once('close', () => onFailed())
  socket.on('session', onSession)
  whenDone(() => onDone(socket))
}

function tlsOf(url: URL, session: Buffer | undefined) {
  const host = hostOf(url)
  return {
    ALPNProtocols: ['http/1.1'],
    ...(isIP(host) === 0 ? { servername: host } : {}),
    ...(session === undefined ? {} : { session }),
  }
}

function isTls({ url }: Dial): boolean {
  return url.protocol === 'https:'
}

function hostOf({ hostname }: URL): string {
  return hostname.replace(/^\[|\]$/g, '')
}
