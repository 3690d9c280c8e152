// Assignment
//
// The desired state of a deployment, one document for the whole fleet: no object per node. The control
// plane signs it, the ledger includes it, every node computes from it what it must run itself. The same
// `releaseFor` runs in the control plane (to predict) and on the node (to act).
//
// Invariants:
//   A1. Two parties who hold the same assignment agree on what every node must run.
//   A2. A greater share includes every node that a smaller one included (cohorts only grow).
//   A3. A node never obeys an assignment older than one it has obeyed (`supersedes`).
//   A4. A cordoned node installs nothing that it has not committed, except to leave a release that is taken back.
//   A5. What canaries alone have proven stays where it had come to when another follows it, and goes no further.

import { z } from 'zod'
import { digest, hash32, selector, selects } from '../resource/index.ts'

/** One immutable model version; its spec is a blob under this digest. */
export const release = z.strictObject({
  /** SHA-256 of the canonical JSON of the Model's spec. */
  digest,
  model: z.string(),
  version: z.string(),
  /** Size of that spec in bytes, so that fetching it is bounded. */
  specBytes: z.int().min(2).max(4_194_304),
})
export type Release = z.infer<typeof release>

/** Which nodes a rollout has come to. */
const cohort = z.strictObject({
  canaries: z.array(z.string()).max(10_000),
  /** Share of all nodes, by hash of the node's id, that run the target besides the canaries. */
  share: z.number().min(0).max(1),
})

/** A rollout as far as it had come. */
const reach = z.strictObject({ uid: z.string(), generation: z.int().min(0), selector, cohort })

export const assignment = z.strictObject({
  format: z.literal('tutti/assignment/v1'),
  deployment: z.string(),
  project: z.string(),
  /** Stays the same as long as the deployment is not deleted and made anew. */
  uid: z.string(),
  /** From 1; a node that accepted a restored log holds 0 until it has obeyed that one. */
  generation: z.int().min(0),
  /** Counts the steps of the rollout inside one generation. */
  revision: z.int().min(1),
  /** The model name that nodes answer to. */
  serves: z.string(),
  selector,
  target: release,
  /** What nodes outside the cohort run: the last release that was proven, null on the first. */
  baseline: release.nullable(),
  /** Where canaries alone have proven the baseline: whom it had reached, who alone run it. */
  baselineReach: reach.optional(),
  mode: z.enum(['advance', 'revert', 'remove']),
  cohort,
  /** How long a node watches a new release before it commits. */
  soakMs: z.int().min(0),
  /** PEM keys or certificates of the publishers whose signature the project accepts. */
  publishers: z.array(z.string().max(16_384)).max(64),
  issuedAtMs: z.number(),
})
export type Assignment = z.infer<typeof assignment>

/** Which one it is, of whatever version of Tutti: a node names what else it cannot read. */
export const assignmentHead = z.object({
  ...assignment.pick({ deployment: true, project: true, uid: true }).shape,
  ...assignment.pick({ generation: true, revision: true }).shape,
  target: z.object({ digest }),
})
export type AssignmentHead = z.infer<typeof assignmentHead>

/** What decides on a node's part in an assignment. */
export interface Assignee {
  readonly id: string
  readonly labels: Readonly<Record<string, string>>
}

/** The release that this node must run, or null where it must run none. */
export function releaseFor(node: Assignee, assignment: Assignment): Release | null {
  if (assignment.mode === 'remove' || !selects(assignment.selector, node.labels)) return null
  const isForward = assignment.mode === 'advance' && isInCohort(node.id, assignment)
  return isForward ? assignment.target : baselineFor(node, assignment)
}

/** Whom it had not reached is given nothing (A5). */
function baselineFor(node: Assignee, { baseline, baselineReach }: Assignment): Release | null {
  if (baselineReach === undefined) return baseline
  const hadIt = selects(baselineReach.selector, node.labels) && isInCohort(node.id, baselineReach)
  return hadIt ? baseline : null
}

/**
 * What a node sets out to run: what the assignment gives it, or, where it is cordoned, what it
 * committed last. A revert and a removal reach a cordoned node too.
 */
export function wishFor(
  node: Assignee & { readonly cordoned: boolean },
  assignment: Assignment,
  committed: Release | null,
): Release | null {
  const wanted = releaseFor(node, assignment)
  if (!node.cordoned || wanted === null) return wanted
  const isTakenBack = assignment.mode === 'revert' && committed?.digest === assignment.target.digest
  return isTakenBack ? wanted : committed // A4
}

/** True where the node is a canary, or its hash falls inside the share. */
export function isInCohort(
  nodeId: string,
  assignment: Pick<Assignment, 'uid' | 'generation' | 'cohort'>,
): boolean {
  const { canaries, share } = assignment.cohort
  return canaries.includes(nodeId) || positionOf(nodeId, assignment) < share // A2
}

/**
 * Where a node stands in [0, 1): another order for every generation, so that no node is always
 * first.
 */
export function positionOf(nodeId: string, salt: Pick<Assignment, 'uid' | 'generation'>): number {
  return hash32(`${salt.uid}/${salt.generation}/${nodeId}`) / 2 ** 32
}

/** True where `next` may replace `held` on a node (A3). */
export function supersedes(
  next: Pick<Assignment, 'uid' | 'generation' | 'revision'>,
  held: Pick<Assignment, 'uid' | 'generation' | 'revision'> | null,
): boolean {
  if (held === null) return true
  if (next.generation !== held.generation) return next.generation > held.generation
  return next.uid === held.uid && next.revision > held.revision
}
