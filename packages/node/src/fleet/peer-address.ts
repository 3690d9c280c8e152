// Peer address
//
// A peer's endpoint is what that node says of itself: a node that lies must not lead its neighbours to what
// only they can reach. They call public addresses and those of a site's networks, never link-local, multicast
// or reserved ones, and loopback only where the control plane is on this machine too.

import { AddressGuard, type AddressUse, addressUse } from '@tutti/machine'
import { Failure } from '../failure.ts'

export type PeerReach = 'site' | 'this-machine'

/** How far peers may be called by a node whose control plane answers at this URL. */
export function reachOf(controlPlaneUrl: string): PeerReach {
  const host = hostOf(new URL(controlPlaneUrl))
  const isHere = host === 'localhost' || addressUse(host) === 'loopback'
  return isHere ? 'this-machine' : 'site'
}

export const peerGuards: { readonly [Reach in PeerReach]: AddressGuard } = {
  site: guardFor(['public', 'site']),
  'this-machine': guardFor(['public', 'site', 'loopback']),
}

function guardFor(uses: readonly AddressUse[]): AddressGuard {
  return new AddressGuard({
    mayCall: (use) => uses.includes(use),
    refusal: (address, name) =>
      new Failure('node/fetch-failed', `${name} is ${address}: no address of a peer`),
  })
}

/**
 * The origin of a peer's endpoint. Throws `node/fetch-failed` where it is none that a node may be
 * sent to.
 */
export function parsePeerUrl(text: string, reach: PeerReach): string {
  const url = new URL(text)
  const isPlain = url.username === '' && url.password === '' && url.search === ''
  const isHttp = url.protocol === 'http:' || url.protocol === 'https:'
  if (!isHttp || !isPlain) {
    throw new Failure('node/fetch-failed', `${text}: expected http(s)://host:port of a peer`)
  }
  peerGuards[reach].assertHost(url.hostname)
  return url.origin
}

function hostOf(url: URL): string {
  return url.hostname.replace(/^\[|\]$/g, '')
}
