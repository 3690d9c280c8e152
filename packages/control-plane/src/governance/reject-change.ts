// Reject change
//
// Says no to a change that waits for approval: whoever might approve it, or who asked for it and wants it no more. From
// then on it is void, and who said so stands in the log.

import {
  type ApprovalStatus,
  approvalSpec,
  approvalStatus,
  decideVerdict,
} from '@tutti/core/governance'
import { canonicalJson } from '@tutti/core/resource'
import { loadResource, sha256 } from '../store/index.ts'
import { emptyContext, formatPrincipal, type Principal } from './policy-engine.ts'
import type { AdmissionPorts } from './submit-change.ts'

export interface Rejection {
  readonly principal: Principal
  readonly project: string
  readonly name: string
  /** In the words of who rejects; empty where none were said. */
  readonly why: string
}

export type RejectOutcome =
  | { readonly outcome: 'not-found' }
  | { readonly outcome: 'refused'; readonly reason: string }
  | { readonly outcome: 'void'; readonly reason: string }

export async function rejectChange(
  ports: AdmissionPorts,
  { principal, project, name, why }: Rejection,
): Promise<RejectOutcome> {
  const key = { kind: 'Approval', project, name }
  const approval = await loadResource(ports.sql, key)
  if (approval === null) return { outcome: 'not-found' }
  const { requestedBy } = approvalSpec.parse(approval.spec)
  const held = approvalStatus.parse(approval.status)
  const who = formatPrincipal(principal)
  const engine = await ports.policies()
  const resource = { ...key, labels: {} }
  const answer = engine.answer({ principal, action: 'approve', resource, context: emptyContext })
  const verdict = decideVerdict(answer)
  if (who !== requestedBy && verdict.kind !== 'allow') {
    const [denial] = verdict.denials
    return { outcome: 'refused', reason: denial?.reason ?? 'policy forbids it' }
  }
  if (held.phase === 'applied') return { outcome: 'refused', reason: 'it is applied already' }
  if (held.phase === 'void') return { outcome: 'refused', reason: `it is void: ${held.reason}` }
  const done = who === requestedBy ? 'withdrawn' : 'rejected'
  const reason = `${done} by ${who}${why === '' ? '' : `: ${why}`}`
  const status: ApprovalStatus = { phase: 'void', reason }
  const { generation, labels, annotations } = approval.metadata
  const { spec } = approval
  const written = await ports.changes.commit(
    { key, baseGeneration: generation, labels, annotations, spec, status },
    {
      ...{ atMs: ports.nowMs(), principal: who, action: 'update', approvals: [] },
      ...{
        policies: verdict.kind === 'allow' ? [...verdict.policies] : [],
        policySet: engine.digest,
      },
      digest: sha256(canonicalJson({ spec, status })),
      summary: `${name} is ${reason}`.slice(0, 1_500),
    },
  )
  if (!written.ok) return { outcome: 'refused', reason: 'somebody else signed just now: try again' }
  return { outcome: 'void', reason }
}
