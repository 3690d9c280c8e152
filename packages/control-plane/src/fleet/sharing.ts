// Sharing
//
// All that the API needs so that nodes of a site share the files they fetch.

import type { Clock } from '@tutti/machine'
import { type Blobs, openPieceDigests, type PieceDigests, type Sql } from '../store/index.ts'
import { type AssignedFiles, openAssignedFiles } from './assigned-files.ts'
import type { Registry } from './registry.ts'
import { openSwarms, type Swarms } from './swarms.ts'

export interface Sharing {
  readonly files: AssignedFiles
  readonly swarms: Swarms
  readonly pieces: PieceDigests
}

export function openSharing(of: {
  readonly sql: Sql
  readonly blobs: Blobs
  readonly registry: Registry
  readonly clock: Clock
}): Sharing {
  const files = openAssignedFiles({ ...of, steadyMs: of.clock.steadyMs })
  const swarms = openSwarms({ ...of, holds: files.holds })
  return { files, swarms, pieces: openPieceDigests(of.blobs) }
}
