// Leases
//
// `POST /api/v1/leases`: a gateway accounts for what it spent of its budgets and gets more.

import { leaseRequest } from '@tutti/core/routing'
import type { Context, Hono } from 'hono'
import { leaseBudgets } from '../routing/index.ts'
import { refuse } from './answer.ts'
import { whyMayNot } from './authorize.ts'
import type { ApiPorts, Env } from './ports.ts'

export function mountLeases(app: Hono<Env>, ports: ApiPorts): void {
  const sinceMs = ports.nowMs()
  app.post('/api/v1/leases', (context) => lease(context, ports, sinceMs))
}

async function lease(context: Context<Env>, ports: ApiPorts, sinceMs: number): Promise<Response> {
  const { principal } = context.get('caller')
  // Whoever serves all projects spends for all of them.
  const allRoutes = { kind: 'Route', project: '', name: '' }
  const denied = await whyMayNot(ports, principal, 'serve', allRoutes)
  if (denied !== null) return refuse(context, 'api/forbidden', denied)
  const body: unknown = await context.req.json().catch(() => null)
  const parsed = leaseRequest.safeParse(body)
  if (!parsed.success) {
    const [issue] = parsed.error.issues
    return refuse(context, 'api/invalid', `${issue?.path.join('.')}: ${issue?.message}`)
  }
  return context.json(await leaseBudgets(ports.sql, parsed.data, ports.nowMs(), sinceMs))
}
