// Rollout store
//
// What a turn of the rollouts loop reads and writes: the port between the reconciler and Postgres. A
// simulated world gives the reconciler another one, and runs the same code.

import type { Resource, ResourceKey } from '@tutti/core/resource'
import type { CloudEvent } from '@tutti/core/workflow'
import type { Identity } from '../governance/index.ts'
import {
  allResources,
  type ChangeLine,
  type CommitOutcome,
  loadResource,
  loadResources,
  type Query,
  type RecordDraft,
  type Sql,
  saveStatus,
  type Write,
} from '../store/index.ts'
import {
  type AssignmentRow,
  allAssignments,
  loadAssignment,
  saveAssignment,
} from './assignments.ts'
import { rolloutEnded } from './rollout-ended.ts'

/** The assignment that a step of a rollout issues, before it is signed. */
export type IssuedAssignment = Omit<AssignmentRow, 'signature' | 'entry'>

export interface RolloutStore {
  readonly all: (kind: string) => Promise<readonly Resource[]>
  readonly load: (key: ResourceKey) => Promise<Resource | null>
  /** Those of these that there are, in one question. */
  readonly loadAll: (keys: readonly ResourceKey[]) => Promise<readonly Resource[]>
  readonly assignment: (project: string, deployment: string) => Promise<AssignmentRow | null>
  readonly assignments: () => Promise<readonly AssignmentRow[]>
  /** Writes what nobody has to answer for: counts, evidence, how long a cohort has been healthy. */
  readonly saveStatus: (
    key: ResourceKey,
    at: { readonly generation: number; readonly status: unknown; readonly nowMs: number },
  ) => Promise<boolean>
  /** Writes the resource, its record and, where there is one, the assignment, or nothing (I1). */
  readonly commit: (
    write: Write,
    draft: RecordDraft,
    assignment: IssuedAssignment | null,
  ) => Promise<CommitOutcome>
}

export interface RolloutStorePorts {
  readonly sql: Sql
  readonly changes: ChangeLine
  readonly identity: Identity
  /** Hands an event to who waits for it. */
  readonly publish: (
    tx: Query,
    project: string,
    event: CloudEvent,
    nowMs: number,
  ) => Promise<unknown>
  readonly nowMs: () => number
}

/** The store of a real control plane. */
export function openRolloutStore(ports: RolloutStorePorts): RolloutStore {
  const { sql, changes, identity, publish, nowMs } = ports
  return {
    all: (kind) => allResources(sql, kind),
    load: (key) => loadResource(sql, key),
    loadAll: (keys) => loadResources(sql, keys),
    assignment: (project, deployment) => loadAssignment(sql, project, deployment),
    assignments: () => allAssignments(sql),
    saveStatus: (key, at) => saveStatus(sql, key, at),
    commit: (write, draft, issued) =>
      changes.commit(write, draft, async (tx, committed) => {
        const { entry } = committed
        if (issued !== null) await saveAssignment(tx, identity, { ...issued, entry })
        const ended = rolloutEnded(committed)
        if (ended !== null) await publish(tx, write.key.project, ended, nowMs())
      }),
  }
}
