// Proxies
//
// The ways through the proxy that this machine's environment names for a URL: a tunnel (CONNECT) for a WebSocket, a
// dispatcher for requests.

import type { Duplex } from 'node:stream'
import { connect } from 'node:tls'
import { openTunnel, proxyFor } from '@tutti/machine'
import { Agent, type Dispatcher, ProxyAgent, setGlobalDispatcher } from '@tutti/machine/http-client'
import type { ClientOptions } from 'ws'
import { Failure } from '../failure.ts'

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

async function tunnel(proxy: string, host: string, timeoutMs: number): Promise<Duplex> {
  const opened = await openTunnel({ proxy, host, signal: AbortSignal.timeout(timeoutMs) })
  if (typeof opened === 'string') throw new Failure('node/proxy-refused', opened)
  return opened
}
