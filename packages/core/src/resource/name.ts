// Name
//
// The small vocabulary that every kind shares: names, digests, labels, selectors.

import { z } from 'zod'

const dnsForm = 'expected lower-case letters, digits and -, at most 63'

/** A DNS label (RFC 1123): the form of every plain name. */
export const dnsName = z.string().regex(/^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/, dnsForm)

/** The name of a resource's project; empty, as in answers, for kinds of cluster scope. */
export const projectName = z.string().regex(/^([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)?$/, dnsForm)

/** The SHA-256 of some content, as `sha256:` and 64 lower-case hex digits. */
export const digest = z
  .string()
  .regex(/^sha256:[0-9a-f]{64}$/, 'expected sha256: and 64 hex digits')
export type Digest = string

/** An Ed25519 public key as a `did:key` (multicodec 0xed, base58btc). */
export const didKey = z
  .string()
  .regex(/^did:key:z6Mk[1-9A-HJ-NP-Za-km-z]{44}$/, 'expected an Ed25519 did:key')

const labelKey = z
  .string()
  .regex(/^[A-Za-z0-9]([\w./-]{0,61}[A-Za-z0-9])?$/, 'expected a label key')
const labelValue = z.string().max(63)

export const labels = z.record(labelKey, labelValue)
export type Labels = z.infer<typeof labels>

/** Chooses by labels; every pair must match, an empty selector takes everything. */
export const selector = z.strictObject({ matchLabels: labels.default({}) })
export type Selector = z.infer<typeof selector>

/** True where every label that the selector asks for is there. */
export function selects(selector: Selector, labels: Labels): boolean {
  return Object.entries(selector.matchLabels).every(([key, value]) => labels[key] === value)
}
