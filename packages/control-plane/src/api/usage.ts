// Usage
//
// `POST /api/v1/usage`: a gateway tells what requests used. `GET /api/v1/usage`: what they used and cost, by whom.

import { usageDimensions, usageReport } from '@tutti/core/routing'
import type { Context, Hono } from 'hono'
import { z } from 'zod'
import { sumUsage, takeUsage } from '../routing/index.ts'
import { listResources } from '../store/index.ts'
import { refuse } from './answer.ts'
import { openFence, whyMayNot } from './authorize.ts'
import type { ApiPorts, Env } from './ports.ts'

export function mountUsage(app: Hono<Env>, ports: ApiPorts): void {
  app.post('/api/v1/usage', (context) => take(context, ports))
  app.get('/api/v1/usage', (context) => give(context, ports))
}

async function take(context: Context<Env>, ports: ApiPorts): Promise<Response> {
  const { principal } = context.get('caller')
  const allRoutes = { kind: 'Route', project: '', name: '' }
  const denied = await whyMayNot(ports, principal, 'serve', allRoutes)
  if (denied !== null) return refuse(context, 'api/forbidden', denied)
  const parsed = usageReport.safeParse(await context.req.json().catch(() => null))
  if (!parsed.success) return refuse(context, 'api/invalid', said(parsed.error))
  await takeUsage(ports.sql, parsed.data, ports.nowMs())
  return context.json({ taken: parsed.data.sequence })
}

const hourMs = 3_600_000
const weekMs = 7 * 24 * hourMs

const usageQuery = z.object({
  /** Absent: all projects that the caller may read. */
  project: z.string().optional(),
  by: z
    .string()
    .default('project')
    .transform((text) => text.split(','))
    .pipe(z.array(z.enum(usageDimensions)).max(usageDimensions.length)),
  since: z.coerce.number().int().min(0).optional(),
  until: z.coerce.number().int().min(0).optional(),
})

/** Who may read a Project may see what it used. */
async function give(context: Context<Env>, ports: ApiPorts): Promise<Response> {
  const parsed = usageQuery.safeParse(context.req.query())
  if (!parsed.success) return refuse(context, 'api/invalid', said(parsed.error))
  const { project, by, since, until } = parsed.data
  const fence = openFence(ports, context.get('caller').principal, 'Project')
  const all = await listResources(ports.sql, { kind: 'Project', limit: 10_000 })
  const asked = all.filter(({ metadata }) => project === undefined || metadata.name === project)
  const projects: string[] = []
  for (const { metadata } of asked) {
    const { name, labels } = metadata
    if (await fence({ project: '', name, labels })) projects.push(name)
  }
  if (projects.length === 0) {
    const which = project === undefined ? 'any project' : `project ${project}`
    return refuse(context, 'api/forbidden', `this key may not read ${which}`)
  }
  const nowMs = ports.nowMs()
  // Counts are of whole hours: the one in which it begins is part of it.
  const sinceMs = Math.floor((since ?? nowMs - weekMs) / hourMs) * hourMs
  const untilMs = until ?? nowMs
  const rows = await sumUsage(ports.sql, { projects, by, sinceMs, untilMs })
  if (rows === null) {
    return refuse(context, 'api/too-large', 'too many rows: ask for less time or fewer dimensions')
  }
  return context.json({ since: sinceMs, until: untilMs, by, rows })
}

function said({ issues: [issue] }: z.ZodError): string {
  return `${issue?.path.join('.')}: ${issue?.message}`
}
