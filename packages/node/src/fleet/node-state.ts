// Node state
//
// What a node must not forget: the last checkpoint it verified, the assignments it obeys, and what it
// committed. One JSON file, replaced as a whole: after a power cut it is either the old one or the new one.

import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { assignment, release, trial } from '@tutti/core/fleet'
import { digest, labels } from '@tutti/core/resource'
import { whyUnreadable, writeDurably } from '@tutti/machine'
import { z } from 'zod'
import { Failure, messageOf } from '../failure.ts'

const deploymentState = z.strictObject({
  /** Verified when it was taken in; the newest that this node obeys. */
  assignment,
  /** The release that serves after a reboot. */
  committed: z
    .strictObject({
      release: digest,
      variant: z.string(),
      /** Memory that the variant asks for. */
      memoryBytes: z.int().min(0).default(0),
      kept: release,
    })
    .nullable(),
  /** What was being tried when this was written. */
  trial: trial.nullable().default(null),
})
export type DeploymentState = z.infer<typeof deploymentState>

const nodeState = z.strictObject({
  checkpoint: z
    .strictObject({ origin: z.string(), size: z.int(), root: z.string(), note: z.string() })
    .nullable(),
  labels,
  /** As the control plane last said; it holds through a reboot, cut off or not. */
  cordoned: z.boolean().default(false),
  /** By project/deployment. */
  deployments: z.record(z.string(), deploymentState),
})
export type NodeState = z.infer<typeof nodeState>

/** Where an agent keeps its state. */
export interface StateStore {
  readonly load: () => NodeState
  /** Throws `node/state-unwritable`. */
  readonly save: (state: NodeState) => void
}

export function openStateStore(folder: string): StateStore {
  return { load: () => loadNodeState(folder), save: (state) => saveNodeState(folder, state) }
}

/** The state of a node that has taken nothing in. */
export const emptyNodeState: NodeState = {
  checkpoint: null,
  labels: {},
  cordoned: false,
  deployments: {},
}

/**
 * The state of a node whose owner accepts a log that is not the one it has seen: it serves what it
 * committed, and obeys whatever that log assigns.
 */
export function forgetLog(state: NodeState): NodeState {
  const deployments = Object.entries(state.deployments).map(([key, held]) => {
    return [key, { ...held, assignment: { ...held.assignment, generation: 0 } }] as const
  })
  return { ...state, checkpoint: null, deployments: Object.fromEntries(deployments) }
}

/** Loads the state of `folder`; a node that has none starts with nothing. */
function loadNodeState(folder: string): NodeState {
  const path = join(folder, 'state.json')
  if (!existsSync(path)) return emptyNodeState
  try {
    return nodeState.parse(JSON.parse(readFileSync(path, 'utf8')))
  } catch (cause) {
    const hint = 'restore it, or delete it: the node then takes everything in anew'
    const message = `cannot read the state in ${path}: ${whyUnreadable(cause, hint)}`
    throw new Failure('node/state-unreadable', message, { cause })
  }
}

function saveNodeState(folder: string, state: NodeState): void {
  keepState(join(folder, 'state.json'), JSON.stringify(state))
}

/**
 * Writes what the node must know after a crash.
 * @throws Failure `node/state-unwritable`: what was there stays as it was
 */
export function keepState(path: string, text: string): void {
  try {
    writeDurably(path, text)
  } catch (cause) {
    throw new Failure('node/state-unwritable', `cannot write ${path}: ${messageOf(cause)}`, {
      cause,
    })
  }
}
