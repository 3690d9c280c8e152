// A Provider's URL leads nowhere that only the gateway can reach, whatever its name resolves to.

import { expect, test } from 'vitest'
import { providerGuard } from './address-guard.ts'

test('a name is judged by what it resolves to when it is dialled: rebinding it later is no use', async () => {
  const error = await new Promise<Error | null>((resolve) => {
    providerGuard.lookup('localhost', {}, (error) => resolve(error))
  })
  expect(error).toMatchObject({ code: 'gateway/address-forbidden' })
  expect(error?.message).toMatch(/private network: set allowPrivateNetwork/)
})

test('only what is public is called', () => {
  expect(providerGuard.mayCall('8.8.8.8')).toBe(true)
  for (const address of ['10.0.0.1', '127.0.0.1', '169.254.169.254']) {
    expect(providerGuard.mayCall(address)).toBe(false)
  }
})
