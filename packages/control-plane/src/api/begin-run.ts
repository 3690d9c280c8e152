// Begin run
//
// Starts a run for somebody, if policy allows: it is shown what the document may reach.

import type { Json } from '@tutti/core/resource'
import { whyNoPartition } from '@tutti/core/workflow'
import type { Principal } from '../governance/index.ts'
import { EngineBusy } from '../workflow/index.ts'
import type { ErrorCode } from './answer.ts'
import type { ApiPorts } from './ports.ts'
import { findRunnable, type RunnableName } from './runnable.ts'

interface Asked extends RunnableName {
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
  const found = await findRunnable(ports, principal, { ...named, version: wanted })
  if (!found.ok) return found
  const { version, workflow } = found
  try {
    const { properties } = await ports.workflows.program({ ...named, version })
    const { partition } = properties
    const wrong = partition === undefined ? null : whyNoPartition(partition, input)
    if (wrong !== null) return { ok: false, code: 'api/invalid', reason: wrong }
    const id = await ports.workflows.start({ ...named, version, input, labels })
    return { ok: true, id, workflow }
  } catch (error) {
    if (!(error instanceof EngineBusy)) throw error
    const reason = `the workflow engine ${error.message}`
    return { ok: false, code: 'api/unavailable', reason }
  }
}
