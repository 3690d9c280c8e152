// Secret
//
// A value that others refer to by name: a Provider's API key. It is written once, stored encrypted, and
// never read back through the API; the ledger keeps a salted commitment only.

import { z } from 'zod'

export const secretSpec = z.strictObject({
  /** The value; `***` in every answer. */
  value: z.string().min(1).max(65_536),
})
export type SecretSpec = z.infer<typeof secretSpec>

/** A Secret's spec as it is stored: encrypted, and so longer than what was declared. */
export const sealedSecretSpec = z.strictObject({ value: z.string().startsWith('enc:v1:') })

/** What stands in an answer in the place of a secret's value. */
export const redacted = '***'
