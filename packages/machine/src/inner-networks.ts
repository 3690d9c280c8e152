// Inner networks
//
// What an address is used for. Addresses that a URL of a user must not lead a server to are loopback, private, link-local
// (where clouds keep their metadata), shared, multicast and reserved ones: from the special-purpose registries of
// RFC 6890, RFC 6598 (carrier-grade NAT), RFC 4193 and RFC 3927, and what clouds have put elsewhere.
//
// Invariants:
//   N1. Of networks within one another the smallest says what an address is used for.
//   N2. Whatever form an address is written in, it is used for the same; what is no address is reserved.

import { BlockList, isIP } from 'node:net'

/** `site`: where the machines of one site stand; nodes of a site may call each other there. */
export type AddressUse = 'public' | 'site' | 'loopback' | 'reserved'

type Row = readonly [net: string, prefix: number, use: AddressUse]

const ipv4: readonly Row[] = [
  ['0.0.0.0', 8, 'reserved'],
  ['10.0.0.0', 8, 'site'],
  ['100.64.0.0', 10, 'site'], // shared by carriers, and by overlay networks
  ['100.100.100.200', 32, 'reserved'], // metadata of Alibaba
  ['127.0.0.0', 8, 'loopback'],
  ['168.63.129.16', 32, 'reserved'], // the machine that Azure's machines are told things by
  ['169.254.0.0', 16, 'reserved'],
  ['172.16.0.0', 12, 'site'],
  ['192.0.0.0', 24, 'reserved'],
  ['192.88.99.0', 24, 'reserved'], // relays of 6to4
  ['192.168.0.0', 16, 'site'],
  ['198.18.0.0', 15, 'reserved'],
  ['224.0.0.0', 4, 'reserved'],
  ['240.0.0.0', 4, 'reserved'],
]

// All of it but 2000::/3, and what of that leads elsewhere. Those that hold an IPv4 address for others than `heldIn` tells
// (6to4, Teredo, NAT64 of a network's own, the compatible and the translated ones) are reserved whatever that address is.
const ipv6: readonly Row[] = [
  ['::', 0, 'reserved'],
  ['::', 127, 'loopback'], // and unspecified
  ['2000::', 3, 'public'],
  ['2001::', 23, 'reserved'], // Teredo, benchmarks, ORCHID
  ['2002::', 16, 'reserved'], // 6to4
  ['3fff::', 20, 'reserved'],
  ['fc00::', 7, 'site'],
  ['fd00:c1::a9fe:a9fe', 128, 'reserved'], // metadata of Oracle
  ['fd00:ec2::', 32, 'reserved'], // metadata of Amazon
  ['fd20:ce::254', 128, 'reserved'], // metadata of Google
]

const v4 = listsOf(ipv4, 'ipv4')
const v6 = listsOf(ipv6, 'ipv6')

interface Network {
  readonly list: BlockList
  readonly use: AddressUse
}

/** Smallest first (N1). */
function listsOf(rows: readonly Row[], family: 'ipv4' | 'ipv6'): readonly Network[] {
  const bySize = [...rows].sort(([, one], [, other]) => other - one)
  return bySize.map(([net, prefix, use]) => {
    const list = new BlockList()
    list.addSubnet(net, prefix, family)
    return { list, use }
  })
}

export function addressUse(address: string): AddressUse {
  const [bare = ''] = address.split('%', 1) // of a link-local one: on which interface
  const family = isIP(bare)
  if (family === 0) return 'reserved' // N2: nothing that we would connect to
  const held = family === 6 ? heldIn(bare) : null
  if (held !== null) return addressUse(held)
  const [lists, kind] = family === 4 ? ([v4, 'ipv4'] as const) : ([v6, 'ipv6'] as const)
  return lists.find(({ list }) => list.check(bare, kind))?.use ?? 'public'
}

const holding = /^\[(?:::ffff:|64:ff9b::)([0-9a-f]+):([0-9a-f]+)\]$/

/**
 * The IPv4 address to which a packet goes in the end: of ::ffff:0:0/96 (mapped), and of
 * 64:ff9b::/96 (NAT64, RFC 6052: all that a network without IPv4 has). Null for others.
 */
function heldIn(address: string): string | null {
  const written = new URL(`http://[${address}]`).hostname // one form for all
  const [, high = '', low = ''] = holding.exec(written) ?? []
  if (high === '') return null
  const [first, second] = [Number.parseInt(high, 16), Number.parseInt(low, 16)]
  return [first >> 8, first & 0xff, second >> 8, second & 0xff].join('.')
}
