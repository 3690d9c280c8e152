/// <reference path="./proxy-from-env.d.ts" />

// Proxies
//
// The proxy that this machine's environment names for a URL (HTTPS_PROXY, HTTP_PROXY, ALL_PROXY, NO_PROXY, in capitals or
// not), and the ways through it: a tunnel (CONNECT) for a WebSocket, a dispatcher for requests. Nothing on this very
// machine is asked through a proxy.

import type { Duplex } from 'node:stream'
import { connect } from 'node:tls'
import { getProxyForUrl } from 'proxy-from-env'
import { Agent, type Dispatcher, ProxyAgent, setGlobalDispatcher } from 'undici'
import type { ClientOptions } from 'ws'
import { Failure } from '../failure.ts'

/** The proxy's URL, null where the URL is asked directly; `ws` and `wss` go as the others. */
export function proxyFor(url: string): string | null {
  const asked = new URL(url.replace(/^ws/, 'http'))
  if (/^(localhost|127\.0\.0\.1|\[::1\])$/.test(asked.hostname)) return null
  return getProxyForUrl(asked.href) || null
}

/** From now on what this process asks, by `fetch` too, goes through the proxy named for it. */
export function useProxies(): void {
  setGlobalDispatcher(proxyDispatcher())
}

function proxyDispatcher(): Dispatcher {
  const proxies = new Map<string, ProxyAgent>() // as many as the environment names
  return new Agent().compose((dispatch) => (options, handler) => {
    const proxy = proxyFor(String(options.origin))
    if (proxy === null) return dispatch(options, handler)
    const agent = proxies.get(proxy) ?? new ProxyAgent(proxy)
    proxies.set(proxy, agent)
    return agent.dispatch(options, handler)
  })
}

/** What a WebSocket to this URL needs besides, to go through a proxy; nothing without one. */
export function tunnelTo(url: string, timeoutMs: number): ClientOptions {
  const proxy = proxyFor(url)
  if (proxy === null) return {}
  const { protocol, hostname, host, port } = new URL(url)
  const isSecure = protocol === 'wss:' || protocol === 'https:'
  const path = port === '' ? `${host}:${isSecure ? 443 : 80}` : host
  const open = async (): Promise<Duplex> => {
    const socket = await tunnel(proxy, path, timeoutMs)
    if (!isSecure) return socket
    return connect({ socket, servername: hostname.replace(/^\[|\]$/g, '') })
  }
  const createConnection = (_: unknown, told: (error: Error | null, socket?: Duplex) => void) => {
    open().then(
      (socket) => told(null, socket),
      (error: Error) => told(error),
    )
  }
  // As `http.request` calls it: what it gives later counts, too.
  return { createConnection: createConnection as unknown as ClientOptions['createConnection'] }
}

async function tunnel(proxy: string, path: string, timeoutMs: number): Promise<Duplex> {
  const { origin, username, password } = new URL(proxy)
  const user = `${decodeURIComponent(username)}:${decodeURIComponent(password)}`
  const credentials = `Basic ${Buffer.from(user).toString('base64')}`
  const headers = username === '' ? {} : { 'proxy-authorization': credentials }
  const agent = new Agent()
  const signal = AbortSignal.timeout(timeoutMs)
  const { statusCode, socket } = await agent.connect({
    ...{ origin, path, headers, signal },
  } as unknown as Dispatcher.ConnectOptions)
  if (statusCode === 200) return socket
  socket.destroy()
  const message = `the proxy ${origin} does not connect to ${path}: it answered ${statusCode}`
  throw new Failure('node/proxy-refused', message)
}
