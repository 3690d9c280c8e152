// Properties
//
// What a document says of itself and of its tasks beyond the specification, under `metadata.tutti`: another runtime passes it over.

import { z } from 'zod'
import type { Finding } from '../../resource/index.ts'
import { partitionSchema } from '../asset/index.ts'
import { durationMs } from './duration.ts'

const fixedDuration = z
  .json()
  .refine((value) => durationMs(value) !== null, 'a duration that is no expression')
  .transform((value) => durationMs(value) ?? 0)

const runProperties = z.looseObject({
  /** What all asks of models in a run may use together. */
  budget: z
    .strictObject({ tokens: z.int().min(1).optional(), cost: z.number().positive().optional() })
    .optional(),
  /** Runs of one queue are admitted by its limits, whichever workflow they are of. */
  queue: z
    .string()
    .regex(/^[a-zA-Z0-9][\w.-]{0,62}$/, 'letters, digits, -, _ and ., at most 63')
    .optional(),
  priority: z.int().min(-100).max(100).default(0),
  /** Runs at the same time. */
  concurrency: z.int().min(1).max(10_000).optional(),
  /** Runs begun in that time, evenly spread. */
  rate: z.strictObject({ runs: z.int().min(1).max(1_000_000), per: fixedDuration }).optional(),
  /** Each run is about one part of the data, and says in its input which. */
  partition: partitionSchema.optional(),
})
export type RunProperties = z.infer<typeof runProperties>

const assetName = z
  .string()
  .regex(/^[a-zA-Z0-9][\w.-]{0,99}$/, 'letters, digits, -, _ and ., at most 100')
const freshness = fixedDuration.refine((ms) => ms >= 1_000, 'at least a second')

/** An asset that a task reads, as the document says it. */
const assetNeeded = z.strictObject({
  asset: assetName,
  /** jq: a text, or a list of them. */
  partition: z.string().optional(),
  /** How old it may be when it is read. */
  freshness: freshness.optional(),
  /** The workflow that makes it where it is stale or absent. */
  produce: z
    .strictObject({
      namespace: z.string().min(1),
      name: z.string().min(1),
      version: z.string().min(1).default('latest'),
      input: z.record(z.string(), z.json()).default({}),
    })
    .optional(),
})
export type AssetNeeded = z.infer<typeof assetNeeded>

const needsMax = 20 // assets of one task; of each as many partitions as `run-assets.ts` allows

const taskProperties = z.looseObject({
  /** A result counts for the same call that long, in all runs of the project. */
  cache: z.strictObject({ ttl: fixedDuration, key: z.string().optional() }).optional(),
  /** The result is kept in the content store, and is a reference to it in the run. */
  artifact: z
    .strictObject({ name: z.string().min(1).max(200), mediaType: z.string().max(200).optional() })
    .optional(),
  /** The result is the newest version of this asset of the project; `partition` is jq over it. */
  asset: z.strictObject({ name: assetName, partition: z.string().optional() }).optional(),
  /** What is read, as `$assets`, before the task begins. */
  needs: z
    .array(assetNeeded)
    .max(needsMax)
    .refine((needs) => new Set(needs.map(({ asset }) => asset)).size === needs.length, {
      message: 'each asset once: several partitions of one are a list',
    })
    .optional(),
})
export type TaskProperties = z.infer<typeof taskProperties>

interface Bearer {
  readonly metadata?: Readonly<Record<string, unknown>> | undefined
}

/** Those of a document; what is wrong was said when it was declared, and counts as absent. */
export function runPropertiesOf(document: Bearer): RunProperties {
  const parsed = runProperties.safeParse(document.metadata?.['tutti'] ?? {})
  return parsed.success ? parsed.data : { priority: 0 }
}

export function taskPropertiesOf(task: Bearer): TaskProperties {
  const parsed = taskProperties.safeParse(task.metadata?.['tutti'] ?? {})
  return parsed.success ? parsed.data : {}
}

export function checkRunProperties(document: Bearer): readonly Finding[] {
  return findingsOf(runProperties.safeParse(document.metadata?.['tutti'] ?? {}), 'document')
}

export function checkTaskProperties(task: Bearer, path: string): readonly Finding[] {
  return findingsOf(taskProperties.safeParse(task.metadata?.['tutti'] ?? {}), path)
}

function findingsOf(parsed: z.ZodSafeParseResult<unknown>, path: string): readonly Finding[] {
  if (parsed.success) return []
  return parsed.error.issues.map((issue) => ({
    path: [path, 'metadata.tutti', ...issue.path.map(String)].join('.'),
    message: issue.message.replace(/^Invalid input: /, ''),
  }))
}
