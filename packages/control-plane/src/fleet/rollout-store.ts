// Rollout store
//
// What a turn of the rollouts loop reads and writes: the port between the reconciler and Postgres. A
// simulated world gives the reconciler another one, and runs the same code.

import type { Resource, ResourceKey } from '@tutti/core/resource'
import type { Identity } from '../governance/index.ts'
import {
  allResources,
  type ChangeLine,
  type CommitOutcome,
  loadResource,
  loadResources,
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

/** The store of a real control plane. */
export function openRolloutStore(sql: Sql, changes: ChangeLine, identity: Identity): RolloutStore {
  return {
    all: (kind) => allResources(sql, kind),
    load: (key) => loadResource(sql, key),
    loadAll: (keys) => loadResources(sql, keys),
    assignment: (project, deployment) => loadAssignment(sql, project, deployment),
    assignments: () => allAssignments(sql),
    saveStatus: (key, at) => saveStatus(sql, key, at),
    commit: (write, draft, issued) =>
      changes.commit(write, draft, async (tx, { entry }) => {
        if (issued !== null) await saveAssignment(tx, identity, { ...issued, entry })
      }),
  }
}
