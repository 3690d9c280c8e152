// Why foreign
//
// Is a request addressed to us, and does it come from a page of ours? A browser that was lured to a loopback
// or inner address (CSRF, DNS rebinding) says in Host or Origin where its page came from, whatever else it
// carries. Every server of Tutti asks this of every verb, before it looks at credentials.

const loopback = ['localhost', '127.0.0.1', '[::1]']

/** Null where Host and Origin are ours (or there is no Origin); else the sentence that refuses. */
export function whyForeign(
  headers: { readonly host?: string | undefined; readonly origin?: string | undefined },
  hosts: readonly string[],
): string | null {
  const known = new Set([...loopback, ...hosts.map((host) => host.toLowerCase())])
  const host = hostNameOf(headers.host ?? '')
  if (host === '') return 'expected a Host header'
  if (!known.has(host)) {
    return `this server is not ${host}: start it with --host-name ${host} if it is`
  }
  const { origin } = headers
  if (origin === undefined || known.has(hostNameOf(origin.replace(/^https?:\/\//, '')))) return null
  return `requests from ${origin} are not accepted`
}

function hostNameOf(host: string): string {
  return host.replace(/:\d+$/, '').toLowerCase()
}
