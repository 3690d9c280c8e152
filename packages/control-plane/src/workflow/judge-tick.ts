// Judge tick
//
// A schedule was permitted when its workflow was declared: at each tick policy may still forbid it, asked as for anybody who
// starts a run, with `Automation::"schedule"` as who starts it. That no policy permits it is no refusal: nobody needs to permit
// twice what was declared.
//
//   K4. A tick that policy refuses starts nothing, is seen at the schedule and in the ledger, and ends no schedule.

import { decideVerdict } from '@tutti/core/governance'
import { type RunPlan, workflowName } from '@tutti/core/workflow'
import { automation, emptyContext, type PolicyEngine } from '../governance/index.ts'
import type { RunHead } from './run-head.ts'

const scheduler = automation('schedule')

export interface Tick extends Pick<RunHead, 'project' | 'namespace' | 'name' | 'version'> {
  readonly plan: RunPlan
  /** Of the Workflow. */
  readonly labels: Readonly<Record<string, string>>
}

/** Null where it may start a run; else the sentence that says why not. */
export function whyNoRun(
  engine: PolicyEngine,
  { plan, labels, ...of }: Tick,
  principal = scheduler,
): string | null {
  const { costMicrosMax, ...lists } = plan
  const cost = costMicrosMax === null ? {} : { costMicrosMax }
  const answer = engine.answer({
    principal,
    action: 'run',
    resource: { kind: 'Workflow', project: of.project, name: workflowName(of), labels },
    context: { ...emptyContext, plan: { ...lists, ...cost } },
  })
  const isForbidden = answer.errors.length > 0 || answer.determining.length > 0
  const verdict = decideVerdict(answer)
  if (verdict.kind === 'allow' || !isForbidden) return null
  const sentences = verdict.denials.map(
    ({ id, reason, fix }) => `${id}: ${reason}. To pass: ${fix}`,
  )
  return `denied by ${sentences.join('; ')}`
}
