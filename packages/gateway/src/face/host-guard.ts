// Host guard
//
// Whether requests are addressed to us, remembered by their Host: callers send the same one over and over.

import { whyForeign } from '@tutti/core/governance'

type Named = Parameters<typeof whyForeign>[0]

const hostsMax = 1_000 // names times ports under which one gateway is called

export class HostGuard {
  readonly #hosts: readonly string[]
  /** Written by `whyForeign`; holds ours only. */
  readonly #own = new Set<string>()

  constructor(hosts: readonly string[]) {
    this.#hosts = hosts
  }

  /** Null where the request is ours; else the sentence that refuses it. */
  whyForeign(headers: Named): string | null {
    const { host = '', origin } = headers
    if (origin !== undefined) return whyForeign(headers, this.#hosts)
    if (this.#own.has(host)) return null
    const why = whyForeign(headers, this.#hosts)
    if (why === null && this.#own.size < hostsMax) this.#own.add(host)
    return why
  }
}
