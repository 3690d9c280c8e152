// Authorize
//
// May the caller read this? Reading is governed by the same policies as changing.

import { type DecidingPolicy, decideVerdict } from '@tutti/core/governance'
import { canonicalJson, type ResourceKey } from '@tutti/core/resource'
import { emptyContext, type Principal } from '../governance/index.ts'
import type { ApiPorts } from './ports.ts'

/** What a policy may look at when it is asked about a resource. */
export interface Fenced {
  readonly project: string
  readonly name: string
  readonly labels: Readonly<Record<string, string>>
}

/** May the caller read this resource of the fence's kind? */
export type Fence = (resource: Fenced) => Promise<boolean>

/** Asks once for all resources that the policies cannot tell apart; lives as long as one answer. */
export function openFence(
  ports: Pick<ApiPorts, 'policies'>,
  principal: Principal,
  kind: string,
): Fence {
  const asked = new Map<string, Promise<boolean>>()
  return async ({ project, name, labels }) => {
    const { asksNames } = await ports.policies()
    const alike = canonicalJson([project, labels, asksNames ? name : ''])
    const held = asked.get(alike)
    if (held !== undefined) return await held
    const answer = whyMayNot(ports, principal, 'read', { kind, project, name, labels })
    const mayRead = answer.then((denied) => denied === null)
    if (asked.size < askedMax) asked.set(alike, mayRead)
    return await mayRead
  }
}

const askedMax = 10_000 // answers of some dozen bytes; a watch may live for days

/** Null where the caller may; else the sentence that says why not. */
export async function whyMayNot(
  ports: Pick<ApiPorts, 'policies'>,
  principal: Principal,
  action: 'read' | 'infer' | 'admit',
  resource: ResourceKey & { readonly labels?: Fenced['labels'] },
): Promise<string | null> {
  const engine = await ports.policies()
  const question = {
    principal,
    action,
    resource: { labels: {}, ...resource },
    context: emptyContext,
  }
  const verdict = decideVerdict(engine.answer(question))
  if (verdict.kind === 'allow') return null
  return formatDenials(verdict.denials)
}

/** Denials as the lines that a caller reads. */
export function formatDenials(denials: readonly DecidingPolicy[]): string {
  return denials
    .map(({ id, reason, fix }) => `denied by ${id}: ${reason}. To pass: ${fix}`)
    .join('\n')
}
