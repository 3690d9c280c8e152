// Requests
//
// `POST /api/v1/requests`: a gateway tells what is to be kept of requests. `GET /api/v1/requests/{id}`: what was asked
// and answered, for whom policy lets `inspect` the Route.

import { keptRequests } from '@tutti/core/routing'
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
    const labels = await labelsOf(ports, project, route)
    const resource = { kind: 'Route', project, name: route, labels }
    const denied = await whyMayNot(ports, principal, 'inspect', resource)
    if (denied !== null) return refuse(context, 'api/forbidden', denied)
  }
  ports.log.info({ reader: principal.id, key: principal.key, project, id }, 'bodies are read')
  return context.json({ items: found })
}

/** Of a Route that is gone: none, as those of one that never had any. */
async function labelsOf({ sql }: ApiPorts, project: string, name: string) {
  const route = await loadResource(sql, { kind: 'Route', project, name })
  return route?.metadata.labels ?? {}
}
