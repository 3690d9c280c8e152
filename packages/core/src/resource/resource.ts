// Resource
//
// The envelope that every noun shares: apiVersion, kind, metadata, spec, status. `spec` is what somebody
// declared and the ledger records; `status` is what was seen and anyone may overwrite with fresher sight.

import { z } from 'zod'
import { labels, projectName } from './name.ts'

export const apiVersion = 'tutti/v1'

/**
 * A resource's name: a DNS label, or two joined by a colon where a kind has versions
 * (`parts:v3`).
 */
export const resourceName = z
  .string()
  .max(127)
  .regex(
    /^[a-z0-9]([a-z0-9.-]*[a-z0-9])?(:[a-z0-9][a-z0-9._-]*)?$/,
    'a name such as parts or parts:v3',
  )

/** What the declarer may write of the metadata. */
export const declaredMetadata = z.strictObject({
  name: resourceName,
  project: projectName.optional(),
  labels: labels.default({}),
  annotations: z.record(z.string().max(253), z.string().max(65_536)).default({}),
  /**
   * Where given, the change is refused unless the stored generation is this one (optimistic
   * lock).
   */
  generation: z.int().min(0).optional(),
  uid: z.string().optional(),
  createdAtMs: z.number().optional(),
  updatedAtMs: z.number().optional(),
})
export type DeclaredMetadata = z.infer<typeof declaredMetadata>

export interface Metadata {
  readonly name: string
  /** The empty string for kinds of cluster scope. */
  readonly project: string
  readonly labels: Readonly<Record<string, string>>
  readonly annotations: Readonly<Record<string, string>>
  readonly uid: string
  /** Counts the changes of `spec`; 1 on creation. */
  readonly generation: number
  readonly createdAtMs: number
  readonly updatedAtMs: number
}

export interface Resource<Spec = unknown, Status = unknown> {
  readonly apiVersion: typeof apiVersion
  readonly kind: string
  readonly metadata: Metadata
  readonly spec: Spec
  readonly status: Status
}

/** Where a resource lives: `Deployment/default/parts`; cluster scope has an empty project. */
export interface ResourceKey {
  readonly kind: string
  readonly project: string
  readonly name: string
}

/** The written form of a key, for logs, the ledger and people. */
export function formatKey(key: ResourceKey): string {
  return key.project === '' ? `${key.kind}/${key.name}` : `${key.kind}/${key.project}/${key.name}`
}
