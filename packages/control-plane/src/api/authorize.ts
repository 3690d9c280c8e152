// Authorize
//
// May the caller read this? Reading is governed by the same policies as changing.

import { decideVerdict } from '@tutti/core/governance'
import { emptyContext, type Principal } from '../governance/index.ts'
import type { ApiPorts } from './ports.ts'

/** Asks once per project whether the caller may read resources of this kind there. */
export function openFence(
  ports: Pick<ApiPorts, 'policies'>,
  principal: Principal,
  kind: string,
): (project: string) => Promise<boolean> {
  const asked = new Map<string, Promise<boolean>>() // lives as long as one answer
  return (project) => {
    const held = asked.get(project)
    if (held !== undefined) return held
    const answer = whyMayNot(ports, principal, 'read', { kind, project, name: '' })
    const mayRead = answer.then((denied) => denied === null)
    asked.set(project, mayRead)
    return mayRead
  }
}

/** Null where the caller may; else the sentence that says why not. */
export async function whyMayNot(
  ports: Pick<ApiPorts, 'policies'>,
  principal: Principal,
  action: 'read' | 'infer' | 'admit',
  resource: { readonly kind: string; readonly project: string; readonly name: string },
): Promise<string | null> {
  const engine = await ports.policies()
  const question = {
    principal,
    action,
    resource: { ...resource, labels: {} },
    context: emptyContext,
  }
  const verdict = decideVerdict(engine.answer(question))
  if (verdict.kind === 'allow') return null
  return verdict.denials
    .map(({ id, reason, fix }) => `${reason} (${id}); to pass: ${fix}`)
    .join('\n')
}
