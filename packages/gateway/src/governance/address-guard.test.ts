// A Provider's URL leads nowhere that only the gateway can reach, whatever its name resolves to.

import { expect, test } from 'vitest'
import { assertPublicUrl, isForbiddenAddress, publicLookup } from './address-guard.ts'

test.each([
  ...['127.0.0.1', '10.1.2.3', '172.16.0.1', '192.168.1.1', '169.254.169.254', '100.64.0.1'],
  ...['0.0.0.0', '224.0.0.1', '255.255.255.255', '::1', '::', 'fe80::1', 'fc00::1', 'ff02::1'],
  ...['::ffff:127.0.0.1', '::ffff:7f00:1', '64:ff9b::7f00:1', 'localhost', ''],
])('%s is an inner address, or none', (address) => {
  expect(isForbiddenAddress(address)).toBe(true)
})

test.each(['8.8.8.8', '93.184.216.34', '2606:4700::1111', '::ffff:8.8.8.8'])(
  '%s is a public address',
  (address) => {
    expect(isForbiddenAddress(address)).toBe(false)
  },
)

test('an address written out is judged before anything is dialled', () => {
  for (const host of ['127.0.0.1', '[::1]', '2130706433', '0x7f.1', '[::ffff:169.254.169.254]']) {
    expect(() => assertPublicUrl(new URL(`http://${host}/v1`))).toThrow(/private network/)
  }
  expect(() => assertPublicUrl(new URL('http://8.8.8.8/v1'))).not.toThrow()
})

test('a name is judged by what it resolves to when it is dialled: rebinding it later is no use', async () => {
  const error = await new Promise<Error | null>((resolve) => {
    publicLookup('localhost', {}, (error) => resolve(error))
  })
  expect(error?.message).toMatch(/private network/)
})
