// Policy cache
//
// The policy engine over the policies as they stand, parsed anew after one has changed.

import { policySpec } from '@tutti/core/governance'
import { openPolicyEngine, type PolicyEngine } from './governance/index.ts'
import { allResources, type Sql } from './store/index.ts'

export interface PolicyCache {
  readonly current: () => Promise<PolicyEngine>
  /** Somebody changed a policy: the next question loads them again. */
  readonly forget: () => void
}

export function openPolicyCache(sql: Sql): PolicyCache {
  let held: Promise<PolicyEngine> | null = null // written by `current` and `forget`
  return {
    forget: () => {
      held = null
    },
    current: () => {
      held ??= load(sql).catch((error: unknown) => {
        held = null
        throw error
      })
      return held
    },
  }
}

async function load(sql: Sql): Promise<PolicyEngine> {
  const policies = await allResources(sql, 'Policy')
  return openPolicyEngine(
    policies.map(({ metadata, spec }) => ({ name: metadata.name, spec: policySpec.parse(spec) })),
  )
}
