// Begin run
//
// Starts a run for somebody, if policy allows: it is shown what the document may reach.

import type { Json } from '@tutti/core/resource'
import { workflowName, workflowSpec } from '@tutti/core/workflow'
import { type Principal, planContext } from '../governance/index.ts'
import { loadResource } from '../store/index.ts'
import { EngineBusy, newestVersion } from '../workflow/index.ts'
import type { ErrorCode } from './answer.ts'
import { whyMayNot } from './authorize.ts'
import type { ApiPorts } from './ports.ts'

interface Asked {
  readonly project: string
  readonly namespace: string
  readonly name: string
  /** Null: the newest. */
  readonly version: string | null
  readonly input: Json
  readonly labels: Readonly<Record<string, string>>
}

export type Begun =
  | { readonly ok: true; readonly id: string; readonly workflow: string }
  | { readonly ok: false; readonly code: ErrorCode; readonly reason: string }

export async function beginRun(
  ports: ApiPorts,
  principal: Principal,
  { project, namespace, name, version: wanted, input, labels }: Asked,
): Promise<Begun> {
  const named = { project, namespace, name }
  const version = wanted ?? (await newestVersion(ports.sql, named))
  const workflow = workflowName({ namespace, name, version: version ?? '' })
  const key = { kind: 'Workflow', project, name: workflow }
  const resource = version === null ? null : await loadResource(ports.sql, key)
  const spec = resource === null ? null : workflowSpec.parse(resource.spec)
  const plan = spec === null ? {} : { plan: planContext(spec.document) }
  const denied = await whyMayNot(ports, principal, 'run', { ...key, labels: {}, ...plan })
  if (denied !== null) return { ok: false, code: 'api/forbidden', reason: denied }
  if (version === null || spec === null) {
    const reason = `there is no Workflow ${workflow} in project ${project}`
    return { ok: false, code: 'api/not-found', reason }
  }
  try {
    const id = await ports.workflows.start({ ...named, version, input, labels })
    return { ok: true, id, workflow }
  } catch (error) {
    if (!(error instanceof EngineBusy)) throw error
    const reason = `the workflow engine ${error.message}`
    return { ok: false, code: 'api/unavailable', reason }
  }
}
