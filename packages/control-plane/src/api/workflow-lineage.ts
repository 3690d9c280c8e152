// Workflow lineage
//
// What a run's steps used and made: as rows, and as events of OpenLineage; what it has been through, as CloudEvents.

import type { Context, Hono } from 'hono'
import { loadArchived, loadJournals, loadLineage, openLineageOf } from '../workflow/index.ts'
import type { ApiPorts, Env } from './ports.ts'
import { findRun } from './workflow-runs.ts'

export function mountLineage(app: Hono<Env>, ports: ApiPorts): void {
  app.get('/api/v1/runs/:id/lineage', (context) => lineage(context, ports))
  app.get('/api/v1/runs/:id/openlineage', (context) => events(context, ports))
  app.get('/api/v1/runs/:id/lifecycle', (context) => lifecycle(context, ports))
}

async function lineage(context: Context<Env>, ports: ApiPorts): Promise<Response> {
  const found = await findRun(context, ports)
  if (found instanceof Response) return found
  return context.json({ items: await loadLineage(ports.sql, found.head.id) })
}

async function events(context: Context<Env>, ports: ApiPorts): Promise<Response> {
  const found = await findRun(context, ports)
  if (found instanceof Response) return found
  const rows = await loadLineage(ports.sql, found.head.id)
  return context.json({ items: openLineageOf(found, rows) })
}

async function lifecycle(context: Context<Env>, ports: ApiPorts): Promise<Response> {
  const found = await findRun(context, ports)
  if (found instanceof Response) return found
  const { head } = found
  const live = (await loadJournals(ports.sql, [head.id])).get(head.id)
  const journal = live ?? (await loadArchived(ports.sql, head.id))?.journal
  return context.json({ items: await ports.workflows.lifecycle(head, journal?.entries ?? []) })
}
