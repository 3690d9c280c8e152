// Address guard
//
// Keeps who connects on behalf of a user from what only this machine can reach. A name is resolved here, every address is
// judged, and the connection goes to exactly the address judged, so that resolving it otherwise later is no use.

import { lookup as dnsLookup } from 'node:dns'
import { isIP, type LookupFunction } from 'node:net'
import { type AddressUse, addressUse } from './inner-networks.ts'

export interface AddressRules {
  readonly mayCall: (use: AddressUse) => boolean
  /** What is said of an address that may not be called, and the name that it was asked for by. */
  readonly refusal: (address: string, name: string) => Error
}

const judgedMsMax = 1_000 // behind a proxy there is often nobody who knows outside names

export class AddressGuard {
  readonly #rules: AddressRules

  constructor(rules: AddressRules) {
    this.#rules = rules
  }

  mayCall(address: string): boolean {
    return this.#rules.mayCall(addressUse(address))
  }

  /** Throws for a host that is an address written out and may not be called: no lookup sees it. */
  assertHost(hostname: string): void {
    const address = bareHost(hostname)
    if (isIP(address) !== 0 && !this.mayCall(address)) throw this.#rules.refusal(address, address)
  }

  /** Gives addresses that may be called, or none; the socket connects to what it gives. */
  readonly lookup: LookupFunction = (name, options, callback) => {
    dnsLookup(name, { ...options, all: true }, (error, addresses) => {
      if (error !== null) return callback(error, [])
      const wrong = addresses.find(({ address }) => !this.mayCall(address))
      const [first] = addresses
      if (wrong !== undefined || first === undefined) {
        return callback(this.#rules.refusal(wrong?.address ?? 'nothing', name), [])
      }
      if (options.all === true) callback(null, addresses)
      else callback(null, first.address, first.family)
    })
  }

  /**
   * Why a name that a proxy resolves may not be asked for: it is known here to stand for an
   * address that may not be called. Null where it stands for others, or nobody here knows it:
   * then the rules of the proxy hold.
   */
  whyNotThroughProxy(hostname: string): Promise<Error | null> {
    const name = bareHost(hostname).replace(/\.$/, '')
    return new Promise((resolve) => {
      const timer = setTimeout(() => resolve(null), judgedMsMax)
      dnsLookup(name, { all: true }, (error, addresses) => {
        clearTimeout(timer)
        const known = error === null ? addresses : []
        const wrong = known.find(({ address }) => !this.mayCall(address))
        resolve(wrong === undefined ? null : this.#rules.refusal(wrong.address, name))
      })
    })
  }
}

/** Without the brackets that a URL puts around some. */
function bareHost(hostname: string): string {
  return hostname.replace(/^\[|\]$/g, '')
}
