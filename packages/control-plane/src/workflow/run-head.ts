// Run head
//
// What the row of a run says; its journal says the rest.

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

export const runStatuses = [
  'queued',
  'running',
  'waiting',
  'paused',
  'completed',
  'faulted',
  'cancelled',
] as const
export type RunStatus = (typeof runStatuses)[number]

export const shardCount = 64 // as many rows as the migration made; more engines than that gain nothing

/** The shard of a run: the same in every process (FNV-1a). */
export function shardOf(runId: string): number {
  let hash = 0x811c9dc5
  for (let i = 0; i < runId.length; i++) {
    hash = Math.imul(hash ^ runId.charCodeAt(i), 0x01000193)
  }
  return ((hash ^ (hash >>> 16)) >>> 0) % shardCount
}
