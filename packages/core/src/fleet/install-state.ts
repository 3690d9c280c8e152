// Install state
//
// Where a node stands with one deployment. Every phase says which release it is about (`release`) and
// which one answers requests meanwhile (`serving`, null where none does). A node reports this union as it
// is; nothing translates it.

import { z } from 'zod'
import { digest } from '../resource/index.ts'

/** Why an install failed. The first group is the model's fault, the second the machine's. */
export const modelFaults = [
  'digest-mismatch',
  'signature-invalid',
  'load-failed',
  'probe-refused',
  'crashed',
] as const
export const machineFaults = [
  'assignment-invalid',
  'fetch-failed',
  'disk-full',
  'no-variant-fits',
] as const
export const failureReason = z.enum([...modelFaults, ...machineFaults])
export type InstallFailure = z.infer<typeof failureReason>

const about = { release: digest, serving: digest.nullable() }

export const installState = z.discriminatedUnion('phase', [
  z.strictObject({ phase: z.literal('idle'), serving: z.null() }),
  z.strictObject({
    phase: z.literal('fetch'),
    ...about,
    bytesDone: z.number().min(0),
    bytesTotal: z.number().min(0),
  }),
  z.strictObject({ phase: z.literal('verify'), ...about }),
  z.strictObject({ phase: z.literal('stage'), ...about }),
  z.strictObject({ phase: z.literal('probe'), ...about }),
  z.strictObject({ phase: z.literal('active'), ...about }),
  z.strictObject({ phase: z.literal('soak'), ...about, sinceMs: z.number() }),
  z.strictObject({ phase: z.literal('committed'), ...about, variant: z.string() }),
  z.strictObject({ phase: z.literal('reverting'), ...about }),
  z.strictObject({
    phase: z.literal('failed'),
    ...about,
    reason: failureReason,
    message: z.string().max(2_000),
    /** When the node may try again by itself; absent where only a new assignment can help. */
    retryAtMs: z.number().optional(),
  }),
])
export type InstallState = z.infer<typeof installState>

const modelFaultSet: ReadonlySet<string> = new Set(modelFaults)

/** True where the model, not the machine, is to blame: one such node stops a rollout. */
export function isModelFault(reason: InstallFailure): boolean {
  return modelFaultSet.has(reason)
}
