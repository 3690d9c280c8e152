// Workflow schedules
//
// What starts runs by itself in a project, when it will, and what policy has refused.

import { workflowName } from '@tutti/core/workflow'
import type { Context, Hono } from 'hono'
import { refuse } from './answer.ts'
import { whyMayNot } from './authorize.ts'
import type { ApiPorts, Env } from './ports.ts'

const schedulesMax = 1_000 // in one answer

export function mountSchedules(app: Hono<Env>, ports: ApiPorts): void {
  app.get('/api/v1/schedules', (context) => list(context, ports))
}

interface ScheduleRow {
  readonly namespace: string
  readonly name: string
  readonly version: string
  readonly kind: string
  readonly tick_at_ms: number | null
  readonly run: string | null
  readonly refused_ticks: number
  readonly refused_at_ms: number | null
  readonly refusal: string | null
}

async function list(context: Context<Env>, ports: ApiPorts): Promise<Response> {
  const project = context.req.query('project') ?? 'default'
  const target = { kind: 'Workflow', project, name: '', labels: {} }
  const denied = await whyMayNot(ports, context.get('caller').principal, 'read', target)
  if (denied !== null) return refuse(context, 'api/forbidden', denied)
  const rows = await ports.sql<ScheduleRow[]>`
    select * from workflow_schedule where project = ${project} order by id limit ${schedulesMax}`
  const items = rows.map((row) => ({
    workflow: workflowName(row),
    kind: row.kind,
    tickAtMs: row.tick_at_ms,
    run: row.run,
    refusal:
      row.refusal === null
        ? null
        : { reason: row.refusal, ticks: row.refused_ticks, atMs: row.refused_at_ms },
  }))
  return context.json({ items })
}
