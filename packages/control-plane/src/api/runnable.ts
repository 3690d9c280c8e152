// Runnable
//
// A Workflow as policy is asked about it, with its labels and what its runs may reach; and one that somebody may run.

import { type WorkflowSpec, workflowName, workflowSpec } from '@tutti/core/workflow'
import { type Principal, planContext } from '../governance/index.ts'
import { loadResource } from '../store/index.ts'
import { newestVersion } from '../workflow/index.ts'
import type { ErrorCode } from './answer.ts'
import { whyMayNot } from './authorize.ts'
import type { ApiPorts } from './ports.ts'

/** `spec` is null where there is no such Workflow: policy is asked all the same. */
export async function workflowTarget(
  { sql }: Pick<ApiPorts, 'sql'>,
  { project, name }: { readonly project: string; readonly name: string },
) {
  const key = { kind: 'Workflow', project, name }
  const resource = await loadResource(sql, key)
  const spec = resource === null ? null : workflowSpec.parse(resource.spec)
  const plan = spec === null ? {} : { plan: planContext(spec.document) }
  return { spec, target: { ...key, labels: resource?.metadata.labels ?? {}, ...plan } }
}

export interface RunnableName {
  readonly project: string
  readonly namespace: string
  readonly name: string
  /** Null: the newest. */
  readonly version: string | null
}

export type Runnable =
  | {
      readonly ok: true
      readonly version: string
      readonly workflow: string
      readonly spec: WorkflowSpec
    }
  | { readonly ok: false; readonly code: ErrorCode; readonly reason: string }

/** The Workflow, where policy lets the principal run it. */
export async function findRunnable(
  ports: ApiPorts,
  principal: Principal,
  { version: wanted, ...named }: RunnableName,
): Promise<Runnable> {
  const version = wanted ?? (await newestVersion(ports.sql, named)) ?? ''
  const workflow = workflowName({ ...named, version })
  const { spec, target } = await workflowTarget(ports, { project: named.project, name: workflow })
  const denied = await whyMayNot(ports, principal, 'run', target)
  if (denied !== null) return { ok: false, code: 'api/forbidden', reason: denied }
  if (spec !== null) return { ok: true, version, workflow, spec }
  const asked = version === '' ? workflow.slice(0, -1) : workflow // nobody named a version
  const reason = `there is no Workflow ${asked} in project ${named.project}`
  return { ok: false, code: 'api/not-found', reason }
}
