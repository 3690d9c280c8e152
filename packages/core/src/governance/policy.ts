// Policy
//
// Policies are written in Cedar. A policy may say in annotations what its denial means and what would make
// it pass: `@id`, `@reason`, `@fix`, and `@approvals("1")` on a forbid that enough approvals lift.

import { z } from 'zod'

export const policySpec = z.strictObject({
  /** One or more Cedar policies, each with an `@id` annotation. */
  cedar: z.string().min(1).max(262_144),
  description: z.string().max(2_000).default(''),
})
export type PolicySpec = z.infer<typeof policySpec>

/** A policy that took part in a decision, in the words of its annotations. */
export interface DecidingPolicy {
  readonly id: string
  readonly reason: string
  readonly fix: string
  /** The policy's own text, so that nobody must look it up. */
  readonly clause: string
  /** Approvals that would lift this denial; 0 where none would. */
  readonly approvals: number
}

export type Verdict =
  | { readonly kind: 'allow'; readonly policies: readonly string[] }
  | { readonly kind: 'deny'; readonly denials: readonly DecidingPolicy[] }
  | {
      readonly kind: 'needs-approval'
      readonly approvals: number
      readonly denials: readonly DecidingPolicy[]
    }

/** What Cedar said: the determining policies with their annotations. */
export interface PolicyAnswer {
  readonly allowed: boolean
  readonly determining: readonly DecidingPolicy[]
  /** Evaluation errors fail closed. */
  readonly errors: readonly string[]
}

/** Turns Cedar's answer into a verdict: a denial that approvals alone would lift waits for them. */
export function decideVerdict(answer: PolicyAnswer): Verdict {
  if (answer.errors.length > 0) {
    const denials = answer.errors.map((error) => ({
      id: 'policy-error',
      reason: `a policy could not be evaluated: ${error}`,
      fix: 'correct the policy that the error names',
      clause: '',
      approvals: 0,
    }))
    return { kind: 'deny', denials }
  }
  if (answer.allowed) return { kind: 'allow', policies: answer.determining.map(({ id }) => id) }
  if (answer.determining.length === 0) return { kind: 'deny', denials: [nothingAllows] }
  const approvals = Math.max(...answer.determining.map((policy) => policy.approvals))
  if (answer.determining.every((policy) => policy.approvals > 0)) {
    return { kind: 'needs-approval', approvals, denials: answer.determining }
  }
  return { kind: 'deny', denials: answer.determining }
}

const nothingAllows: DecidingPolicy = {
  id: 'default-deny',
  reason: 'no policy permits this',
  fix: 'ask for a role that may do it, or add a policy that permits it',
  clause: '',
  approvals: 0,
}
