// Bootstrap
//
// The first start: the default project, the built-in policies, an admin's key and those of gateways and workflows. Nobody is there yet to
// ask, so these are recorded as made by `Automation::"bootstrap"`.

import { randomBytes } from 'node:crypto'
import { projectSpec } from '@tutti/core/governance'
import { canonicalJson } from '@tutti/core/resource'
import { keySpec } from '@tutti/core/routing'
import { allResources, commitChange, loadResource, type Sql, sha256 } from '../store/index.ts'
import { builtInPolicies } from './built-in-policies.ts'

export interface FirstCredentials {
  /** Secrets by name; shown and stored by the caller, known to nobody else. */
  readonly admin: string
  readonly gateway: string
  /** With it the steps of workflows ask the gateway. */
  readonly workflow: string
}

export interface FirstPublisher {
  readonly name: string
  readonly pem: string
}

/**
 * Makes what is missing; null where the database was in use already. The project comes last and
 * says that all is there: a first start that broke off is begun again, with new secrets.
 */
export async function bootstrap(
  sql: Sql,
  at: {
    readonly nowMs: number
    readonly publishers: readonly FirstPublisher[]
    readonly approvalKey: string | undefined
  },
): Promise<FirstCredentials | null> {
  if ((await allResources(sql, 'Project')).length > 0) return null
  const admin = newSecret('admin')
  const gateway = newSecret('gateway')
  const workflow = newSecret('workflow')
  const project = projectSpec.parse({
    description: 'The default project',
    publishers: at.publishers,
  })
  for (const [name, spec] of Object.entries(builtInPolicies)) {
    await create(sql, at.nowMs, { kind: 'Policy', project: '', name, spec })
  }
  const approvalKey = at.approvalKey === undefined ? {} : { approvalKey: at.approvalKey }
  const adminKey = {
    owner: 'admin',
    roles: ['admin', 'caller'],
    hash: sha256(admin),
    ...approvalKey,
  }
  const gatewayKey = { owner: 'gateway', roles: ['gateway'], hash: sha256(gateway) }
  const workflowKey = { owner: 'workflow', roles: ['caller'], hash: sha256(workflow) }
  for (const [name, spec] of [
    ['admin', adminKey],
    ['gateway', gatewayKey],
    ['workflow', workflowKey],
  ] as const) {
    await create(sql, at.nowMs, {
      kind: 'Key',
      project: 'default',
      name,
      spec: keySpec.parse(spec),
    })
  }
  await create(sql, at.nowMs, { kind: 'Project', project: '', name: 'default', spec: project })
  return { admin, gateway, workflow }
}

/** A secret that says whose it is: `tutti_admin_…`, with 256 bits of chance. */
export function newSecret(name: string): string {
  return `tutti_${name}_${randomBytes(32).toString('base64url')}`
}

async function create(
  sql: Sql,
  nowMs: number,
  at: {
    readonly kind: string
    readonly project: string
    readonly name: string
    readonly spec: unknown
  },
): Promise<void> {
  const { spec, ...key } = at
  const held = await loadResource(sql, key) // of a first start that broke off
  const baseGeneration = held?.metadata.generation ?? 0
  await commitChange(
    sql,
    { key, baseGeneration, labels: {}, annotations: {}, spec },
    {
      atMs: nowMs,
      principal: 'Automation::"bootstrap"',
      action: 'create',
      digest: sha256(canonicalJson(spec)),
      policies: [],
      policySet: sha256(''),
      approvals: [],
      summary: `first start: create ${key.kind} ${key.name}`,
    },
  )
}
