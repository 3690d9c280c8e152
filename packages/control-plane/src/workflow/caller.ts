// Caller
//
// On whose behalf a call goes out.

import type { Readable } from 'node:stream'
import type { Json } from '@tutti/core/resource'
import type { ArtifactReference } from './artifact-store.ts'
import type { Egress, Reach } from './egress.ts'

export interface Caller {
  readonly egress: Egress
  readonly reach: Reach
  readonly signal: AbortSignal
  /** Given to the callee so that it can tell a call that is made again. */
  readonly idempotencyKey: string
  /** Keeps an answer as it comes, and gives what stands for it; absent: it goes into the run. */
  readonly keep?: (chunks: AsyncIterable<Uint8Array>, mediaType: string) => Promise<Json>
  /** How to read what a reference to an artifact stands for; absent: a reference is just JSON. */
  readonly open?: (reference: ArtifactReference) => Promise<() => Readable>
  /** Whether it is our own gateway that is asked. */
  readonly isOurs?: boolean
  /** A model version that answered. */
  readonly noteModel?: (version: string) => Promise<void>
}
