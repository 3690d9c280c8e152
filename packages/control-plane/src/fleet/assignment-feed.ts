// Assignment feed
//
// What nodes are sent: every assignment whose record has a place under the newest checkpoint, with the
// proofs. It is read once per checkpoint, however many nodes ask.

import type { ConsistencyProof, SignedAssignment } from '@tutti/core/fleet'
import {
  type Checkpoint,
  type Identity,
  newestCheckpoint,
  proveConsistency,
} from '../governance/index.ts'
import { readTileFrom, type Sql } from '../store/index.ts'
import { signedAssignments } from './assignments.ts'

/** All assignments under one checkpoint. */
export interface AssignmentSet {
  readonly checkpoint: Checkpoint
  readonly assignments: readonly SignedAssignment[]
}

export interface AssignmentFeed {
  /** The newest set; null while the log is empty. */
  readonly newest: () => Promise<AssignmentSet | null>
  readonly consistency: (fromSize: number, toSize: number) => Promise<ConsistencyProof>
}

/** The feed of a real control plane. */
export function openAssignmentFeed(sql: Sql, identity: Identity): AssignmentFeed {
  return {
    newest: async () => {
      const checkpoint = await newestCheckpoint(sql)
      if (checkpoint === null) return null
      return { checkpoint, assignments: await signedAssignments(sql, identity, checkpoint) }
    },
    consistency: (fromSize, toSize) => proveConsistency(readTileFrom(sql), fromSize, toSize),
  }
}
