/// <reference path="./proxy-from-env.d.ts" />

// Proxy for
//
// The proxy that this machine's environment names for a URL: HTTPS_PROXY, HTTP_PROXY, ALL_PROXY and NO_PROXY, in capitals
// or not. Nothing on this very machine is asked through a proxy.

import { getProxyForUrl } from 'proxy-from-env'

/** The proxy's URL, null where the URL is asked directly; `ws` and `wss` go as the others. */
export function proxyFor(url: string): string | null {
  const asked = new URL(url.replace(/^ws/, 'http'))
  if (ownNames.test(asked.hostname)) return null
  return getProxyForUrl(asked.href) || null
}

/** This machine, however it is written: to a proxy they would be the proxy's own. */
const ownNames = /^(?:(?:.+\.)?localhost\.?|127\.\d+\.\d+\.\d+|\[::1\])$/
