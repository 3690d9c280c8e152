// Workflow steering
//
// Cancelling, pausing, resuming, retrying and forking runs: for those who may start the workflow.

import type { Context, Hono } from 'hono'
import { z } from 'zod'
import { forkRun, retryRun, sendSignal } from '../workflow/index.ts'
import { refuse } from './answer.ts'
import type { ApiPorts, Env } from './ports.ts'
import { readJson } from './resources.ts'
import { findRun } from './workflow-runs.ts'

const cancelBody = z.strictObject({ reason: z.string().max(1_000).default('cancelled') })
const forkBody = z.strictObject({ from: z.string().min(1), input: z.json().optional() })

export function mountSteering(app: Hono<Env>, ports: ApiPorts): void {
  app.post('/api/v1/runs/:id/cancel', (context) => cancel(context, ports))
  app.post('/api/v1/runs/:id/pause', (context) => turn(context, ports, 'pause'))
  app.post('/api/v1/runs/:id/resume', (context) => turn(context, ports, 'resume'))
  app.post('/api/v1/runs/:id/retry', (context) => retry(context, ports))
  app.post('/api/v1/runs/:id/fork', (context) => fork(context, ports))
}

async function cancel(context: Context<Env>, ports: ApiPorts): Promise<Response> {
  const found = await findRun(context, ports, 'run')
  if (found instanceof Response) return found
  const body = await readJson(context)
  const parsed = cancelBody.safeParse(body.ok ? body.value : null)
  if (!parsed.success) return refuse(context, 'api/invalid', z.prettifyError(parsed.error))
  if (found.outcome !== null) {
    return refuse(context, 'api/conflict', `the run has ended: it is ${found.status}`)
  }
  await sendSignal(ports.sql, found.head.id, { kind: 'cancel', reason: parsed.data.reason })
  return context.json({ id: found.head.id }, 202)
}

async function retry(context: Context<Env>, ports: ApiPorts): Promise<Response> {
  const found = await findRun(context, ports, 'run')
  if (found instanceof Response) return found
  const retried = await retryRun(ports.sql, found.head.id, ports.nowMs())
  if (!retried.ok) return refuse(context, 'api/conflict', retried.reason)
  return context.json({ id: retried.id }, 201)
}

/** A run that is paused begins nothing; what is under way ends, and answers are kept. */
async function turn(
  context: Context<Env>,
  ports: ApiPorts,
  kind: 'pause' | 'resume',
): Promise<Response> {
  const found = await findRun(context, ports, 'run')
  if (found instanceof Response) return found
  if (found.outcome !== null) {
    return refuse(context, 'api/conflict', `the run has ended: it is ${found.status}`)
  }
  await sendSignal(ports.sql, found.head.id, { kind })
  return context.json({ id: found.head.id }, 202)
}

async function fork(context: Context<Env>, ports: ApiPorts): Promise<Response> {
  const found = await findRun(context, ports, 'run')
  if (found instanceof Response) return found
  const body = await readJson(context)
  const parsed = forkBody.safeParse(body.ok ? body.value : null)
  if (!parsed.success) return refuse(context, 'api/invalid', z.prettifyError(parsed.error))
  const { from, input } = parsed.data
  const point = { from, ...(input === undefined ? {} : { input }) }
  const { sql, nowMs, workflows } = ports
  const forked = await forkRun({ sql, nowMs, program: workflows.program }, found, point)
  if (!forked.ok) return refuse(context, 'api/conflict', forked.reason)
  return context.json({ id: forked.id }, 201)
}
