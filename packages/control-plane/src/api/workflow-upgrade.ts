// Workflow upgrade
//
// Taking runs to another version of their workflow: for those who may start that version.

import { workflowName, workflowSpec } from '@tutti/core/workflow'
import type { Context, Hono } from 'hono'
import { z } from 'zod'
import { planContext } from '../governance/index.ts'
import { loadResource } from '../store/index.ts'
import { refuse } from './answer.ts'
import { whyMayNot } from './authorize.ts'
import type { ApiPorts, Env } from './ports.ts'
import { readJson } from './resources.ts'
import { nameForm } from './workflow-runs.ts'

const upgradeBody = z.strictObject({
  to: z.string().min(1),
  from: z.string().min(1).optional(),
  dryRun: z.boolean().default(false),
  /** As the answer before has it, where there was more. */
  after: z.string().default(''),
})

export function mountUpgrade(app: Hono<Env>, ports: ApiPorts): void {
  app.post('/api/v1/workflows/:name/upgrade', (context) => upgrade(context, ports))
}

async function upgrade(context: Context<Env>, ports: ApiPorts): Promise<Response> {
  const project = context.req.query('project') ?? 'default'
  const [, namespace = '', name = '', version] =
    nameForm.exec(context.req.param('name') ?? '') ?? []
  if (namespace === '' || version !== undefined) {
    return refuse(context, 'api/invalid', 'expected NAMESPACE.NAME, and the version as `to`')
  }
  const body = await readJson(context)
  const parsed = upgradeBody.safeParse(body.ok ? body.value : null)
  if (!parsed.success) return refuse(context, 'api/invalid', z.prettifyError(parsed.error))
  const { to, from = null, dryRun: isDry, after } = parsed.data
  const workflow = workflowName({ namespace, name, version: to })
  const key = { kind: 'Workflow', project, name: workflow }
  const resource = await loadResource(ports.sql, key)
  const spec = resource === null ? null : workflowSpec.parse(resource.spec)
  const plan = spec === null ? {} : { plan: planContext(spec.document) }
  const { principal } = context.get('caller')
  const denied = await whyMayNot(ports, principal, 'run', { ...key, labels: {}, ...plan })
  if (denied !== null) return refuse(context, 'api/forbidden', denied)
  if (spec === null) {
    return refuse(context, 'api/not-found', `there is no Workflow ${workflow} in ${project}`)
  }
  const request = { project, namespace, name, to, from, isDry, by: principal.id }
  return context.json(await ports.workflows.upgrade(request, after), isDry ? 200 : 202)
}
