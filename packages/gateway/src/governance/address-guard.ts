// Address guard
//
// A Provider's URL is given by a user: it must not lead the gateway to what only the gateway can reach. The
// name is resolved here, every address is judged, and the connection goes to exactly the address judged.

import { lookup as dnsLookup } from 'node:dns'
import { BlockList, isIP, type LookupFunction } from 'node:net'
import { innerNetworks } from '@tutti/core/governance'
import { Failure } from '../failure.ts'

const forbidden = new BlockList()
for (const { net, prefix, family } of innerNetworks) forbidden.addSubnet(net, prefix, family)

/** True for loopback, private, link-local, shared, multicast and reserved addresses. */
export function isForbiddenAddress(address: string): boolean {
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(address)?.[1]
  if (mapped !== undefined) return isForbiddenAddress(mapped)
  const family = isIP(address)
  if (family === 0) return true // not an address: nothing we would connect to
  // Hexadecimal forms of mapped addresses are judged by BlockList itself under ::ffff:0:0/96.
  return forbidden.check(address, family === 4 ? 'ipv4' : 'ipv6')
}

/** A lookup that gives public addresses only; the socket connects to what it gives. */
export const publicLookup: LookupFunction = (hostname, options, callback) => {
  dnsLookup(hostname, { ...options, all: true }, (error, addresses) => {
    if (error !== null) return callback(error, [])
    const bad = addresses.find(({ address }) => isForbiddenAddress(address))
    const [first] = addresses
    if (bad !== undefined || first === undefined) {
      return callback(forbiddenAddress(hostname, bad?.address ?? 'nothing'), [])
    }
    if (options.all === true) callback(null, addresses)
    else callback(null, first.address, first.family)
  })
}

const judgedMsMax = 1_000 // behind a proxy there is often nobody who knows outside names

/**
 * Why a name that a proxy resolves may not be asked for: it is known here to stand for an address
 * that is forbidden. Null where it stands for others, or nobody here knows it: then the rules of
 * the proxy hold.
 */
export function whyForbidden(name: string): Promise<string | null> {
  return new Promise((resolve) => {
    const timer = setTimeout(() => resolve(null), judgedMsMax)
    publicLookup(name.replace(/\.$/, ''), { all: true }, (error) => {
      clearTimeout(timer)
      const isForbidden = error instanceof Failure && error.code === 'gateway/address-forbidden'
      resolve(isForbidden ? error.message : null)
    })
  })
}

/** Refuses a URL whose host is a forbidden address written out, which no lookup would see. */
export function assertPublicUrl(url: URL): void {
  const host = url.hostname.replace(/^\[|\]$/g, '')
  if (isIP(host) !== 0 && isForbiddenAddress(host)) throw forbiddenAddress(host, host)
}

function forbiddenAddress(host: string, address: string): Failure {
  const hint = 'set allowPrivateNetwork on the Provider if this engine is your own'
  const message = `${host} is ${address}, an address of a private network: ${hint}`
  return new Failure('gateway/address-forbidden', message)
}
