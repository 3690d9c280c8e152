// Kept request
//
// What is kept of a request beside its record where its Route says so: what was asked and what was answered, with
// whatever looks like personal data or a secret taken out, for as long as the Route says. Gateways tell the control
// plane, who is asked by people.

import { z } from 'zod'
import { guardSide } from '../governance/index.ts'

/** Kinds that are taken out of what is kept; an injection is what one wants to look at. */
const redactedKinds = ['email', 'phone', 'card', 'iban', 'ssn', 'secret'] as const

/** Of a Route: which bodies are kept, of how many requests, how much of each, and for how long. */
export const bodyRule = z.strictObject({
  keep: z.array(guardSide).min(1).max(2).default(['input', 'output']),
  /** Of the requests. */
  share: z.number().min(0).max(1).default(1),
  days: z.int().min(1).max(365).default(30),
  /** Of each body, once it is redacted; what is longer is cut. */
  bytesMax: z
    .int()
    .min(1)
    .max(256 * 1_024)
    .default(64 * 1_024),
  /** Taken out besides what the Route's guard took out and its blocklist names. */
  redact: z
    .array(z.enum(redactedKinds))
    .max(redactedKinds.length)
    .default([...redactedKinds]),
})
export type BodyRule = z.infer<typeof bodyRule>

export const keptBody = z.strictObject({
  text: z.string(),
  /** True where it goes on beyond what is kept. */
  isCut: z.boolean(),
})
export type KeptBody = z.infer<typeof keptBody>

const name = z.string().min(1).max(512)

export const keptRequest = z.strictObject({
  /** Chosen anew for each: callers may give two requests the same id. */
  entry: z.uuid(),
  id: z.string().min(1).max(128),
  project: name,
  route: name,
  key: name,
  atMs: z.number().min(0),
  expiresAtMs: z.number().min(0),
  /** The request's record, as its gateway tells it. */
  record: z.record(z.string(), z.unknown()),
  /** Null where it is not kept, or could not be looked through. */
  input: keptBody.nullable(),
  output: keptBody.nullable(),
})
export type KeptRequest = z.infer<typeof keptRequest>

export const keptRequestsMax = 100 // of a report

export const keptRequests = z.strictObject({
  requests: z.array(keptRequest).min(1).max(keptRequestsMax),
})
