// Workflow steering
//
// Cancelling, pausing, resuming, retrying, forking and backfilling runs: for those who may start the workflow.

import { parseWorkflow } from '@tutti/core/workflow'
import type { Context, Hono } from 'hono'
import { z } from 'zod'
import { cancelQueued, concurrencyMax, sendSignal, startBackfill } from '../workflow/index.ts'
import { refuse } from './answer.ts'
import type { ApiPorts, Env } from './ports.ts'
import { readJson } from './resources.ts'
import { findRunnable } from './runnable.ts'
import { findRun, nameForm, timeIn } from './workflow-runs.ts'

const cancelBody = z.strictObject({ reason: z.string().max(1_000).default('cancelled') })
const backfillBody = z.strictObject({
  from: z.iso.datetime({ offset: true }).optional(),
  until: z.iso.datetime({ offset: true }).optional(),
  partitions: z.array(z.string().max(100)).min(1).max(1_000).optional(),
  concurrency: z.int().min(1).max(concurrencyMax).default(2),
  input: z.record(z.string(), z.json()).default({}),
})
const forkBody = z.strictObject({ from: z.string().min(1), input: z.json().optional() })

export function mountSteering(app: Hono<Env>, ports: ApiPorts): void {
  app.post('/api/v1/runs/:id/cancel', (context) => cancel(context, ports))
  app.post('/api/v1/runs/:id/pause', (context) => turn(context, ports, 'pause'))
  app.post('/api/v1/runs/:id/resume', (context) => turn(context, ports, 'resume'))
  app.post('/api/v1/runs/:id/retry', (context) => retry(context, ports))
  app.post('/api/v1/runs/:id/fork', (context) => fork(context, ports))
  app.post('/api/v1/workflows/:name/backfill', (context) => backfill(context, ports))
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
  const { id } = found.head
  const { reason } = parsed.data
  const end = { reason, nowMs: ports.nowMs() }
  if (found.status === 'queued' && (await cancelQueued(ports.sql, id, end))) {
    return context.json({ id }, 202)
  }
  await sendSignal(ports.sql, id, { kind: 'cancel', reason })
  return context.json({ id: found.head.id }, 202)
}

async function retry(context: Context<Env>, ports: ApiPorts): Promise<Response> {
  const found = await findRun(context, ports, 'run')
  if (found instanceof Response) return found
  const retried = await ports.workflows.retry(found)
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
  if (found.status === 'queued') {
    return refuse(context, 'api/conflict', 'the run has not begun: it waits in its queue')
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
  const forked = await ports.workflows.fork(found, point)
  if (!forked.ok) return refuse(context, 'api/conflict', forked.reason)
  return context.json({ id: forked.id }, 201)
}

/** Runs for ticks of the past, or for partitions; policy is asked as for one of them. */
async function backfill(context: Context<Env>, ports: ApiPorts): Promise<Response> {
  const project = context.req.query('project') ?? 'default'
  const [, namespace = '', name = '', given] = nameForm.exec(context.req.param('name') ?? '') ?? []
  const body = await readJson(context)
  const parsed = backfillBody.safeParse(body.ok ? body.value : null)
  if (!parsed.success) return refuse(context, 'api/invalid', z.prettifyError(parsed.error))
  const named = { project, namespace, name }
  const { principal } = context.get('caller')
  const found = await findRunnable(ports, principal, { ...named, version: given ?? null })
  if (!found.ok) return refuse(context, found.code, found.reason)
  const { version, workflow } = found
  const document = parseWorkflow(found.spec.document)
  if (!document.ok) return refuse(context, 'api/conflict', `${workflow} is not valid any more`)
  const { from, until, partitions, concurrency, input } = parsed.data
  const [fromMs, untilMs] = [timeIn(from), timeIn(until)]
  const request = { ...named, version, fromMs, untilMs, partitions, concurrency, input }
  const started = await startBackfill(ports.sql, document.document, request)
  if (!started.ok) return refuse(context, 'api/conflict', started.reason)
  ports.loops().wake('schedules')
  return context.json({ id: started.id, runs: started.runs }, 202)
}
