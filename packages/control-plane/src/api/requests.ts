// Requests
//
// `POST /api/v1/requests`: a gateway tells what is to be kept of requests. `GET /api/v1/requests/{id}`: what was asked
// and answered, for whom policy lets `inspect` the Route, or the Provider of a tool.

import { keptRequests, serverOfRoute } from '@tutti/core/routing'
import type { Context, Hono } from 'hono'
import { loadResource } from '../store/index.ts'
import { refuse } from './answer.ts'
import { whyMayNot } from './authorize.ts'
import type { ApiPorts, Env } from './ports.ts'

export function mountRequests(app: Hono<Env>, ports: ApiPorts): void {
  app.post('/api/v1/requests', (context) => take(context, ports))
  app.get('/api/v1/requests/:id', (context) => give(context, ports))
}

async function take(context: Context<Env>, ports: ApiPorts): Promise<Response> {
  // Whoever serves all projects tells of all of them.
  const allRoutes = { kind: 'Route', project: '', name: '' }
  const denied = await whyMayNot(ports, context.get('caller').principal, 'serve', allRoutes)
  if (denied !== null) return refuse(context, 'api/forbidden', denied)
  const parsed = keptRequests.safeParse(await context.req.json().catch(() => null))
  if (!parsed.success) {
    const [issue] = parsed.error.issues
    return refuse(context, 'api/invalid', `${issue?.path.join('.')}: ${issue?.message}`)
  }
  await ports.keptRequests.take(parsed.data.requests)
  return context.body(null, 204)
}

/** Each is asked of the Route that it was answered by; who reads what stands in the log. */
async function give(context: Context<Env>, ports: ApiPorts): Promise<Response> {
  const { principal } = context.get('caller')
  const project = context.req.query('project') ?? principal.project
  const id = context.req.param('id') ?? ''
  const found = await ports.keptRequests.find(project, id)
  if (found.length === 0) {
    const message = `nothing is kept of a request ${id.slice(0, 128)} in project ${project}`
    return refuse(context, 'api/not-found', message)
  }
  for (const { route } of found) {
    const resource = await answererOf(ports, project, route)
    const denied = await whyMayNot(ports, principal, 'inspect', resource)
    if (denied !== null) return refuse(context, 'api/forbidden', denied)
  }
  ports.log.info({ reader: principal.id, key: principal.key, project, id }, 'bodies are read')
  return context.json({ items: found })
}

/** Its Route, or the Provider of a tool; of one that is gone no labels, as if it never had any. */
async function answererOf({ sql }: ApiPorts, project: string, route: string) {
  const server = serverOfRoute(route)
  const of = { kind: server === null ? 'Route' : 'Provider', project, name: server ?? route }
  const found = await loadResource(sql, of)
  return { ...of, labels: found?.metadata.labels ?? {} }
}
