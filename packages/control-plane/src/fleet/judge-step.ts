// Judge step
//
// Automation is bound by the policies like everybody else: before a step of a rollout is issued, they are
// asked. A freeze is a policy that forbids `advance`; going back is another action, `revert`, so that a
// freeze never keeps a bad model in place.

import { type DecidingPolicy, decideVerdict } from '@tutti/core/governance'
import type { ResourceKey } from '@tutti/core/resource'
import { automation, emptyContext, type PolicyEngine } from '../governance/index.ts'

export const rolloutAutomation = automation('rollout')

export interface RolloutStep {
  readonly action: 'create' | 'advance' | 'revert'
  /** The Rollout. */
  readonly key: ResourceKey
  /** Those of its Deployment. */
  readonly labels: Readonly<Record<string, string>>
  readonly environment: string
}

export type StepVerdict =
  | { readonly ok: true; readonly policies: readonly string[] }
  | { readonly ok: false; readonly denials: readonly DecidingPolicy[] }

/** May automation take this step? No approval lifts a denial: nobody is there to ask for one. */
export function judgeStep(engine: PolicyEngine, step: RolloutStep): StepVerdict {
  const { action, key, labels, environment } = step
  const verdict = decideVerdict(
    engine.answer({
      ...{ principal: rolloutAutomation, action },
      resource: { ...key, labels },
      context: { ...emptyContext, environment },
    }),
  )
  return verdict.kind === 'allow'
    ? { ok: true, policies: verdict.policies }
    : { ok: false, denials: verdict.denials }
}
