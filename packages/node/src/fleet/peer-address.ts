// Peer address
//
// A peer's endpoint is what that node says of itself: a node that lies must not lead its neighbours to what
// only they can reach. The name is resolved here, every address is judged, and the connection goes to exactly
// the address judged: public ones and those of a site's networks, never link-local, multicast or reserved
// ones, and loopback only where the control plane is on this machine too.

import { lookup as dnsLookup } from 'node:dns'
import { BlockList, isIP, type LookupFunction } from 'node:net'
import { innerNetworks } from '@tutti/core/governance'
import { Failure } from '../failure.ts'

const reserved = new BlockList()
const loopback = new BlockList()
for (const { net, prefix, family, use } of innerNetworks) {
  if (use === 'reserved') reserved.addSubnet(net, prefix, family)
  if (use === 'loopback') loopback.addSubnet(net, prefix, family)
}

export type PeerReach = 'site' | 'this-machine'

/** How far peers may be called by a node whose control plane answers at this URL. */
export function reachOf(controlPlaneUrl: string): PeerReach {
  const host = hostOf(new URL(controlPlaneUrl))
  return host === 'localhost' || isIn(loopback, host) ? 'this-machine' : 'site'
}

/** True where a peer must not be called at this address. */
export function isForeignAddress(address: string, reach: PeerReach): boolean {
  if (isIP(address) === 0) return true // not an address: nothing we would connect to
  return isIn(reserved, address) || (reach === 'site' && isIn(loopback, address))
}

/** A lookup that gives addresses of peers only; the socket connects to what it gives. */
export function peerLookup(reach: PeerReach): LookupFunction {
  return (hostname, options, callback) => {
    dnsLookup(hostname, { ...options, all: true }, (error, addresses) => {
      if (error !== null) return callback(error, [])
      const bad = addresses.find(({ address }) => isForeignAddress(address, reach))
      const [first] = addresses
      if (bad !== undefined || first === undefined) {
        return callback(foreignAddress(hostname, bad?.address ?? 'nothing'), [])
      }
      if (options.all === true) callback(null, addresses)
      else callback(null, first.address, first.family)
    })
  }
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
  const host = hostOf(url)
  if (isIP(host) !== 0 && isForeignAddress(host, reach)) throw foreignAddress(host, host)
  return url.origin
}

function isIn(list: BlockList, address: string): boolean {
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(address)?.[1]
  if (mapped !== undefined) return isIn(list, mapped)
  const family = isIP(address)
  // Hexadecimal forms of mapped addresses are judged by BlockList itself under ::ffff:0:0/96.
  return family !== 0 && list.check(address, family === 4 ? 'ipv4' : 'ipv6')
}

function hostOf(url: URL): string {
  return url.hostname.replace(/^\[|\]$/g, '')
}

function foreignAddress(host: string, address: string): Failure {
  return new Failure('node/fetch-failed', `${host} is ${address}: no address of a peer`)
}
