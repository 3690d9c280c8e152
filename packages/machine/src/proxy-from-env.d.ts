/** It brings no types of its own. */
declare module 'proxy-from-env' {
  /** URL of the proxy; empty where there is none for it. */
  export function getProxyForUrl(url: string): string
}
