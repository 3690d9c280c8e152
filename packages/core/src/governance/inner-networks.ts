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
  /** `site`: where the machines of one site stand; nodes of a site may call each other there. */
  readonly use: 'site' | 'loopback' | 'reserved'
}

type Row = readonly [net: string, prefix: number, use: InnerNetwork['use']]

const ipv4: readonly Row[] = [
  ['0.0.0.0', 8, 'reserved'],
  ['10.0.0.0', 8, 'site'],
  ['100.64.0.0', 10, 'site'], // shared by carriers, and by overlay networks
  ['127.0.0.0', 8, 'loopback'],
  ['169.254.0.0', 16, 'reserved'],
  ['172.16.0.0', 12, 'site'],
  ['192.0.0.0', 24, 'reserved'],
  ['192.168.0.0', 16, 'site'],
  ['198.18.0.0', 15, 'reserved'],
  ['224.0.0.0', 4, 'reserved'],
  ['240.0.0.0', 4, 'reserved'],
]

const ipv6: readonly Row[] = [
  ['::', 127, 'loopback'], // and unspecified
  ['64:ff9b::', 96, 'reserved'], // IPv4 behind NAT64
  ['fc00::', 7, 'site'],
  ['fe80::', 10, 'reserved'],
  ['ff00::', 8, 'reserved'],
]

export const innerNetworks: readonly InnerNetwork[] = [
  ...ipv4.map(([net, prefix, use]) => ({ net, prefix, use, family: 'ipv4' }) as const),
  ...ipv6.map(([net, prefix, use]) => ({ net, prefix, use, family: 'ipv6' }) as const),
]
