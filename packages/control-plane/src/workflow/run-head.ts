// Run head
//
// What the row of a run says; its journal says the rest.

import { createHash } from 'node:crypto'

export interface RunHead {
  readonly id: string
  readonly project: string
  readonly namespace: string
  readonly name: string
  readonly version: string
  readonly shard: number
  readonly labels: Readonly<Record<string, string>>
  /** The run and the step that wait for this one, where it is a subflow. */
  readonly parent: { readonly run: string; readonly key: string } | null
  readonly startedAtMs: number
}

export const runStatuses = ['running', 'waiting', 'completed', 'faulted', 'cancelled'] as const
export type RunStatus = (typeof runStatuses)[number]

export const shardCount = 64 // as many rows as the migration made; more engines than that gain nothing

/** The shard of a run: the same in every process. */
export function shardOf(runId: string): number {
  return createHash('sha256').update(runId).digest().readUInt32BE(0) % shardCount
}
