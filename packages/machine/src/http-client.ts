// HTTP client
//
// undici's client, and no more of it. Its index takes its fetch, its caches, its WebSockets and its mocks along: 5 MB of
// what lives in each gateway and node where these parts are 2, and 50 ms of each start. They are named by their files,
// which undici promises to nobody: its version is pinned, and a test holds that they are what its index gives.

import type * as undici from 'undici'
import api from 'undici/lib/api/index.js'
import AgentOfUndici from 'undici/lib/dispatcher/agent.js'
import DispatcherOfUndici from 'undici/lib/dispatcher/dispatcher.js'
import ProxyAgentOfUndici from 'undici/lib/dispatcher/proxy-agent.js'
import globals from 'undici/lib/global.js'

Object.assign(DispatcherOfUndici.prototype, api) // as its index does: `agent.request` and the like

export type { Dispatcher } from 'undici'
export type Agent = undici.Agent
export const Agent: typeof undici.Agent = AgentOfUndici
export type ProxyAgent = undici.ProxyAgent
export const ProxyAgent: typeof undici.ProxyAgent = ProxyAgentOfUndici
export const { getGlobalDispatcher, setGlobalDispatcher } = globals

export type RequestOptions = Omit<undici.Dispatcher.RequestOptions, 'origin' | 'path' | 'method'> &
  Partial<Pick<undici.Dispatcher.RequestOptions, 'method'>> & { dispatcher?: undici.Dispatcher }

/** One request of a URL of http: or https:, by the process's dispatcher; a GET unless told so. */
export function request(
  url: string | URL,
  { dispatcher = getGlobalDispatcher(), ...options }: RequestOptions = {},
): Promise<undici.Dispatcher.ResponseData> {
  const { origin, pathname, search } = new URL(url)
  const path = `${pathname}${search}`
  return api.request.call(dispatcher, { method: 'GET', ...options, origin, path })
}
