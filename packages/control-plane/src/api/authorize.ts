// Authorize
//
// May the caller read this? Reading is governed by the same policies as changing.

import { type DecidingPolicy, decideVerdict } from '@tutti/core/governance'
import type { ResourceKey } from '@tutti/core/resource'
import {
  type AccessAction,
  emptyContext,
  type Principal,
  type QuestionContext,
} from '../governance/index.ts'
import type { ApiPorts } from './ports.ts'

/** What a policy may look at when it is asked about a resource. */
export interface Fenced {
  readonly project: string
  readonly name: string
  readonly labels: Readonly<Record<string, string>>
}

/** May the caller read this resource of the fence's kind? */
export type Fence = (resource: Fenced) => Promise<boolean>

/** Asks of each resource; the answer is remembered where the policies cannot tell two apart. */
export function openFence(
  ports: Pick<ApiPorts, 'policies'>,
  principal: Principal,
  kind: string,
): Fence {
  return async ({ project, name, labels }) => {
    const resource = { kind, project, name, labels }
    const engine = await ports.policies()
    return engine.permits({ principal, action: 'read', resource, context: emptyContext })
  }
}

/** Null where the caller may; else the sentence that says why not. */
export async function whyMayNot(
  ports: Pick<ApiPorts, 'policies'>,
  principal: Principal,
  action: AccessAction,
  resource: ResourceKey & {
    readonly labels?: Fenced['labels']
    /** What a Workflow may reach, where one is to run. */
    readonly plan?: QuestionContext['plan']
  },
): Promise<string | null> {
  const engine = await ports.policies()
  const { plan, ...named } = resource
  const question = {
    principal,
    action,
    resource: { labels: {}, ...named },
    context: { ...emptyContext, ...(plan === undefined ? {} : { plan }) },
  }
  const verdict = decideVerdict(engine.answer(question))
  if (verdict.kind === 'allow') return null
  return formatDenials(verdict.denials, { principal, action, resource })
}

/** Denials as the lines that a caller reads. */
export function formatDenials(
  denials: readonly DecidingPolicy[],
  asked: {
    readonly principal: Principal
    readonly action: string
    readonly resource: Pick<ResourceKey, 'kind' | 'name'>
  },
): string {
  const { id: who, roles } = asked.principal
  const { kind, name } = asked.resource
  const what = `${asked.action} ${name === '' ? kind : `${kind} ${name}`}`
  const may = `${who} (${roles.length === 0 ? 'no role' : roles.join(', ')}) may not ${what}`
  return denials
    .map(({ id, reason, fix }) => `${may}: denied by ${id}: ${reason}. To pass: ${fix}`)
    .join('\n')
}
