// Relay directory
//
// Gateways that take relays: each says its URL with the stream of snapshots that it follows, and is listed as
// long as it follows. Kept in memory: after a restart they say it again.

export interface RelayDirectory {
  /** Lists a gateway until the answer is called. */
  readonly add: (url: string) => () => void
  readonly urls: () => readonly string[]
}

const urlsMax = 64 // a node keeps a connection to each

export function openRelayDirectory(): RelayDirectory {
  const followers = new Map<string, number>() // streams by URL; `add` writes
  return {
    add: (url) => {
      followers.set(url, (followers.get(url) ?? 0) + 1)
      let isListed = true
      return () => {
        if (!isListed) return
        isListed = false
        const left = (followers.get(url) ?? 1) - 1
        if (left === 0) followers.delete(url)
        else followers.set(url, left)
      }
    },
    urls: () => [...followers.keys()].slice(0, urlsMax),
  }
}

/** The URL that a gateway says of itself; null where it is none that a node could dial. */
export function parseRelayUrl(text: string): string | null {
  if (!URL.canParse(text) || text.length > 256) return null
  const url = new URL(text)
  const isPlain = url.username === '' && url.password === '' && url.search === ''
  const isHttp = url.protocol === 'http:' || url.protocol === 'https:'
  return isPlain && isHttp ? text.replace(/\/$/, '') : null
}
