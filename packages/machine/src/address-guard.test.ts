// Nobody is led to an address that only this machine reaches, however it is written (N1, N2).

import { expect, test } from 'vitest'
import { AddressGuard } from './address-guard.ts'
import { type AddressUse, addressUse } from './inner-networks.ts'

const rows: readonly (readonly [AddressUse, readonly string[]])[] = [
  ['public', ['8.8.8.8', '93.184.216.34', '100.63.255.255', '100.128.0.1', '172.32.0.1']],
  ['public', ['192.0.1.1', '198.20.0.1', '223.255.255.255', '168.63.129.17']],
  ['public', ['2606:4700::1111', '2a00:1450:4001::200e', '2001:4860:4860::8888']],
  ['public', ['::ffff:8.8.8.8', '::FFFF:808:808', '0:0:0:0:0:ffff:8.8.8.8']],
  ['site', ['10.1.2.3', '172.16.0.1', '172.31.255.255', '192.168.1.1']],
  ['site', ['100.64.0.1', '100.127.255.255']], // carrier-grade NAT
  ['site', ['fc00::1', 'fd12:3456::1', '::ffff:10.0.0.1', '::ffff:c0a8:101']], // ULA, mapped
  ['loopback', ['127.0.0.1', '127.255.255.254', '::1', '::', '0:0:0:0:0:0:0:1']],
  ['loopback', ['::ffff:127.0.0.1', '::ffff:7f00:1', '0:0:0:0:0:ffff:7f00:1']],
  ['reserved', ['0.0.0.0', '0.1.2.3', '::ffff:0.0.0.0', '192.0.0.192', '198.18.0.1']],
  ['reserved', ['169.254.169.254', '169.254.170.2', '::ffff:a9fe:a9fe']], // link-local, metadata
  ['reserved', ['100.100.100.200', '168.63.129.16', 'fd00:ec2::254', 'fd20:ce::254']],
  ['reserved', ['fd00:c1::a9fe:a9fe', '::ffff:100.100.100.200']],
  ['reserved', ['224.0.0.1', '239.255.255.255', '240.0.0.1', '255.255.255.255', 'ff02::1']],
  ['reserved', ['fe80::1', 'febf::1', 'fe80::1%eth0', 'fec0::1', '100::1', '3fff::1', '4000::1']],
  ['public', ['64:ff9b::8.8.8.8', '64:ff9b::808:808', '64:ff9b:0:0:0:0:808:808']], // NAT64
  ['site', ['64:ff9b::10.0.0.1', '64:ff9b::c0a8:101']],
  ['loopback', ['64:ff9b::7f00:1']],
  ['reserved', ['64:ff9b::169.254.169.254', '64:ff9b::', '64:ff9b::1', '64:ff9b:0:1::808:808']],
  ['reserved', ['64:ff9b:1::808:808', '64:ff9b:1::7f00:1']], // NAT64 of a network's own
  ['reserved', ['2002:7f00:1::', '2002:a00:1::1', '192.88.99.1']], // 6to4
  ['reserved', ['2001::1', '2001:0:7f00:1::', '2001:10::1']], // Teredo, ORCHID
  ['reserved', ['::127.0.0.1', '::a00:1', '::ffff:0:7f00:1']], // compatible, translated
  ['reserved', ['localhost', '', '127.1', '0x7f.0.0.1', '010.0.0.1', '8.8.8.8 ', '%eth0']],
]

test.each(rows.flatMap(([use, addresses]) => addresses.map((address) => [address, use])))(
  '%s is %s',
  (address, use) => {
    expect(addressUse(address)).toBe(use)
  },
)

const guard = new AddressGuard({
  mayCall: (use) => use === 'public',
  refusal: (address, name) => new Error(`${name} is ${address}`),
})

test('an address written out is judged before anything is dialled', () => {
  const hosts = ['127.0.0.1', '[::1]', '2130706433', '0x7f.1', '017700000001', '127.1']
  for (const host of [...hosts, '[::ffff:169.254.169.254]', '[64:ff9b::a00:1]', '169.254.169.254.'])
    expect(() => guard.assertHost(new URL(`http://${host}/v1`).hostname), host).toThrow(' is ')
  for (const host of ['8.8.8.8', '[2606:4700::1111]', 'a.example'])
    expect(() => guard.assertHost(new URL(`http://${host}/v1`).hostname), host).not.toThrow()
})

test('a name is judged by what it stands for when it is dialled', async () => {
  const found = (name: string) =>
    new Promise<unknown>((resolve) => {
      guard.lookup(name, { all: true }, (error, addresses) => resolve(error?.message ?? addresses))
    })
  expect(await found('localhost')).toMatch(/^localhost is (127\.0\.0\.1|::1)$/)
  expect(await found('8.8.8.8')).toEqual([{ address: '8.8.8.8', family: 4 }])
})

test('a name that a proxy resolves is judged by what is known of it here', async () => {
  for (const name of ['localhost', 'localhost.', '10.0.0.1', '[::1]']) {
    expect((await guard.whyNotThroughProxy(name))?.message, name).toContain(' is ')
  }
  expect(await guard.whyNotThroughProxy('8.8.8.8')).toBeNull()
  expect(await guard.whyNotThroughProxy('nobody.invalid')).toBeNull()
})
