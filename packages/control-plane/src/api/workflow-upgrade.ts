// Workflow upgrade
//
// Taking runs to another version of their workflow: for those who may start that version.

import type { Context, Hono } from 'hono'
import { z } from 'zod'
import { refuse } from './answer.ts'
import type { ApiPorts, Env } from './ports.ts'
import { readJson } from './resources.ts'
import { findRunnable } from './runnable.ts'
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
  const { principal } = context.get('caller')
  const found = await findRunnable(ports, principal, { project, namespace, name, version: to })
  if (!found.ok) return refuse(context, found.code, found.reason)
  const request = { project, namespace, name, to, from, isDry, by: principal.id }
  return context.json(await ports.workflows.upgrade(request, after), isDry ? 200 : 202)
}
