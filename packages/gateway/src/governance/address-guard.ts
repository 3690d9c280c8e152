// Address guard
//
// A Provider's URL is given by a user: it must not lead the gateway to what only the gateway can reach.

import { AddressGuard } from '@tutti/machine'
import { Failure } from '../failure.ts'

/** Lets through what is public. */
export const providerGuard = new AddressGuard({
  mayCall: (use) => use === 'public',
  refusal: () => {
    const hint = 'set allowPrivateNetwork on the Provider if this engine is your own'
    const message = `its address is one of a private network: ${hint}` // callers are told
    return new Failure('gateway/address-forbidden', message)
  },
})
