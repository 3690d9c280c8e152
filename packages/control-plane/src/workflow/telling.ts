// Telling
//
// What a run's turns say for others to hear: events of its lifecycle, written with the turn that they are about. Runs may listen for
// those of other runs, too; who listens, and what a run has started, is told of to no run, so that nobody hears his own echo.

import type { LifecycleLevel } from '@tutti/core/governance'
import {
  type Entry,
  type LifecycleTeller,
  lifecyclePrefix,
  type Machine,
  type Outcome,
  type Program,
  type ToldRun,
} from '@tutti/core/workflow'
import type { RunHead } from './run-head.ts'

export type { LifecycleLevel }

/** An event of a run, as it is written. */
export interface Told {
  /** Its place among the run's events. */
  readonly number: number
  readonly type: string
  /** Whether runs may hear it. */
  readonly isHeard: boolean
  readonly body: string
}

export interface Telling {
  /** Before the machine takes an entry. */
  readonly entry: (entry: Entry) => void
  readonly outcome: (outcome: Outcome, atMs: number) => void
  /** What was told since it was last asked. */
  readonly take: () => readonly Told[]
  /** Another machine goes on with the run. */
  readonly follow: (machine: Machine) => void
}

/** A run as its events name it. */
export function toldRun({ id, project, namespace, name, version }: RunHead): ToldRun {
  return { id, namespace, name, version, source: `urn:tutti:${project}` }
}

const ofWorkflows = `${lifecyclePrefix}workflow.`

export function openTelling(
  head: RunHead,
  program: Pick<Program, 'hearsLifecycle'>,
  { teller, level }: { readonly teller: LifecycleTeller; readonly level: LifecycleLevel },
): Telling {
  const isHeard = !isSubflow(head) && !program.hearsLifecycle
  return {
    entry: (entry) => teller.entry(entry),
    outcome: (outcome, atMs) => teller.outcome(outcome, atMs),
    follow: (machine) => machine.tellTo(teller.trace),
    take: () =>
      teller.take().flatMap((event) => {
        const type = String(event['type'])
        const isOfRun = type.startsWith(ofWorkflows)
        if (!isOfRun && level !== 'tasks') return []
        const number = Number(String(event['id']).split('#').at(-1))
        return { number, type, isHeard: isHeard && isOfRun, body: JSON.stringify(event) }
      }),
  }
}

/** A subflow's id is that of the step that starts it, also where nobody waits for its end. */
function isSubflow({ id, parent }: RunHead): boolean {
  return parent !== null || id.includes('/do/')
}
