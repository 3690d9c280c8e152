// Check schedule
//
// What is wrong with a document's schedule: a cron expression that is none, a duration that nobody can evaluate.

import type { Finding } from '../../resource/index.ts'
import { runPropertiesOf, type WorkflowDocument } from '../document/index.ts'
import { catchUpDefault, catchUpMax } from './plan-ticks.ts'
import { timingKinds, timingOf } from './timing.ts'

export function checkSchedule(document: WorkflowDocument): readonly Finding[] {
  const findings: Finding[] = []
  for (const kind of timingKinds) {
    const parsed = timingOf(document, kind)
    if (parsed !== null && !parsed.ok) {
      findings.push({ path: `schedule.${kind}`, message: parsed.reason })
    }
  }
  const { partition } = runPropertiesOf(document.document)
  const { schedule } = document
  if (partition !== undefined && schedule !== undefined) {
    const path = 'document.metadata.tutti.partition'
    const message = 'time says the partition of runs by hour, day or month, and of no others'
    if (!('by' in partition) || schedule.on !== undefined) findings.push({ path, message })
  }
  if (catchUpOf(document) === null) {
    const path = 'document.metadata.tutti.schedule.catchUp'
    findings.push({ path, message: `expected a count from 0 to ${catchUpMax}` })
  }
  return findings
}

/** How many missed ticks are made up (`metadata.tutti.schedule.catchUp`); null: no count. */
export function catchUpOf({ document }: Pick<WorkflowDocument, 'document'>): number | null {
  const schedule = memberOf(document.metadata?.['tutti'], 'schedule')
  const given = memberOf(schedule, 'catchUp') ?? catchUpDefault
  const isCount = typeof given === 'number' && Number.isInteger(given)
  return isCount && given >= 0 && given <= catchUpMax ? given : null
}

function memberOf(value: unknown, name: string): unknown {
  if (typeof value !== 'object' || value === null) return undefined
  return Object.entries(value).find(([key]) => key === name)?.[1]
}
