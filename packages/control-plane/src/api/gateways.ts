// Gateways
//
// `GET /api/v1/gateways`: those that follow the stream of snapshots now, and what they serve from.
// `POST /api/v1/gateways`: one of them says what it serves from.

import { gatewayStanding } from '@tutti/core/routing'
import type { Context, Hono } from 'hono'
import { refuse } from './answer.ts'
import { whyMayNot } from './authorize.ts'
import type { ApiPorts, Env } from './ports.ts'

export function mountGateways(app: Hono<Env>, ports: ApiPorts): void {
  app.get('/api/v1/gateways', (context) => list(context, ports))
  app.post('/api/v1/gateways', (context) => tell(context, ports))
}

/** For who may see the fleet. */
async function list(context: Context<Env>, ports: ApiPorts): Promise<Response> {
  const { principal } = context.get('caller')
  const fleet = { kind: 'Node', project: '', name: '' }
  const denied = await whyMayNot(ports, principal, 'read', fleet)
  if (denied !== null) return refuse(context, 'api/forbidden', denied)
  const items = ports.gateways.all().map(({ hello, url, sinceMs, sequence, refused }) => {
    const { gateway = null, version = null, host = null, worker = null } = hello ?? {}
    return { gateway, host, worker, url, version, sinceMs, sequence, refused }
  })
  return context.json({ sequence: ports.snapshots.sequence(), items })
}

async function tell(context: Context<Env>, ports: ApiPorts): Promise<Response> {
  const { principal } = context.get('caller')
  const allRoutes = { kind: 'Route', project: '', name: '' }
  const denied = await whyMayNot(ports, principal, 'serve', allRoutes)
  if (denied !== null) return refuse(context, 'api/forbidden', denied)
  const parsed = gatewayStanding.safeParse(await context.req.json().catch(() => null))
  if (!parsed.success) {
    const [issue] = parsed.error.issues
    return refuse(context, 'api/invalid', `${issue?.path.join('.')}: ${issue?.message}`)
  }
  if (ports.gateways.tell(parsed.data)) return context.body(null, 204)
  const message = `${parsed.data.gateway} follows no snapshots here`
  return refuse(context, 'api/not-found', message)
}
