// Process order
//
// What a node is asked to run for a workflow, and what it says of it. The order is signed by the control plane for one node and a short
// time: a node runs nothing that its own control plane has not asked of it.

import { z } from 'zod'

/** Kinds that nodes run. */
export const processKinds = ['script', 'shell', 'container'] as const
export type ProcessKind = (typeof processKinds)[number]
export const scriptLanguages = ['javascript', 'python'] as const
export type ScriptLanguage = (typeof scriptLanguages)[number]

const textMax = 1_048_576

export const processOrder = z.strictObject({
  format: z.literal('tutti/process/v1'),
  id: z.string().min(1).max(2_000),
  node: z.string(),
  /** The node begins it before then, or not at all. */
  expiresAtMs: z.number(),
  kind: z.enum(processKinds),
  /** Of a script. */
  language: z.enum(scriptLanguages).nullable(),
  /** The script's text, or the shell's command; empty where a container's image has its own. */
  text: z.string().max(textMax),
  arguments: z.array(z.string().max(textMax)).max(1_000),
  /** All that the process finds in its environment. */
  environment: z.record(z.string().regex(/^[A-Za-z_]\w*$/), z.string().max(textMax)),
  stdin: z
    .string()
    .max(8 * textMax)
    .nullable(),
  /** Of a container: nodes of before know of none. */
  container: z
    .strictObject({
      image: z.string().min(1).max(1_000),
      pull: z.enum(['ifNotPresent', 'always', 'never']),
    })
    .optional(),
})
export type ProcessOrder = z.infer<typeof processOrder>

export const signedOrder = z.strictObject({
  /** Canonical JSON of a ProcessOrder. */
  payload: z.string().max(16 * textMax),
  /** Ed25519 over `tutti/process/v1\n` and the payload, by the control plane's key. */
  signature: z.string().max(512),
})
export type SignedOrder = z.infer<typeof signedOrder>

/** What a node asks with. */
export const processOffer = z.strictObject({
  kinds: z.array(z.enum(processKinds)).min(1),
  languages: z.array(z.enum(scriptLanguages)),
})
export type ProcessOffer = z.infer<typeof processOffer>

export const processOutcome = z.strictObject({
  /** Null: it was ended, or did not begin. */
  code: z.int().nullable(),
  stdout: z.string().max(4 * textMax),
  stderr: z.string().max(4 * textMax),
  /** Why it was ended, or did not begin. */
  failure: z.string().max(2_000).nullable(),
  /** The image that a container ran from, by its digest. */
  image: z.string().max(2_000).optional(),
})
export type ProcessOutcome = z.infer<typeof processOutcome>
