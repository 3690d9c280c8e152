// Inner networks
//
// Addresses that a URL of a user must not lead a server to: loopback, private, link-local (where clouds keep
// their metadata), shared, multicast and reserved. From the special-purpose registries of RFC 6890, RFC 6598
// (carrier-grade NAT), RFC 4193 and RFC 3927. Who connects resolves the name itself, judges every address by
// this list, and connects to exactly the address it has judged.

export interface InnerNetwork {
  readonly net: string
  readonly prefix: number
  readonly family: 'ipv4' | 'ipv6'
}

const ipv4: readonly (readonly [string, number])[] = [
  ['0.0.0.0', 8],
  ['10.0.0.0', 8],
  ['100.64.0.0', 10],
  ['127.0.0.0', 8],
  ['169.254.0.0', 16],
  ['172.16.0.0', 12],
  ['192.0.0.0', 24],
  ['192.168.0.0', 16],
  ['198.18.0.0', 15],
  ['224.0.0.0', 4],
  ['240.0.0.0', 4],
]

const ipv6: readonly (readonly [string, number])[] = [
  ['::', 127], // unspecified and loopback
  ['64:ff9b::', 96], // IPv4 behind NAT64
  ['fc00::', 7],
  ['fe80::', 10],
  ['ff00::', 8],
]

export const innerNetworks: readonly InnerNetwork[] = [
  ...ipv4.map(([net, prefix]) => ({ net, prefix, family: 'ipv4' }) as const),
  ...ipv6.map(([net, prefix]) => ({ net, prefix, family: 'ipv6' }) as const),
]
