// Workflow runs
//
// Starting, looking at, cancelling and retrying runs of workflows, and handing in events. Who may start a workflow may
// cancel and retry its runs; who may read it may look at them.

import type { Json } from '@tutti/core/resource'
import { type CloudEvent, workflowName } from '@tutti/core/workflow'
import type { Context, Hono } from 'hono'
import { z } from 'zod'
import { loadResource } from '../store/index.ts'
import {
  EngineBusy,
  listRuns,
  loadJournals,
  loadRuns,
  newestVersion,
  publishEvent,
  retryRun,
  type StoredRun,
  sendSignal,
} from '../workflow/index.ts'
import { refuse } from './answer.ts'
import { whyMayNot } from './authorize.ts'
import type { ApiPorts, Env } from './ports.ts'
import { readJson } from './resources.ts'

const pageMax = 500 // runs in one answer
const nameForm = /^([a-zA-Z0-9-]+)\.([a-zA-Z0-9-]+)(?::(.+))?$/
const startBody = z.strictObject({
  input: z.json().default({}),
  labels: z.record(z.string(), z.string()).default({}),
})
const cancelBody = z.strictObject({ reason: z.string().max(1_000).default('cancelled') })
const eventBody = z
  .record(z.string(), z.json())
  .refine((event) => ['id', 'source', 'type'].every((name) => typeof event[name] === 'string'))

export function mountRuns(app: Hono<Env>, ports: ApiPorts): void {
  app.post('/api/v1/workflows/:name/runs', (context) => start(context, ports))
  app.get('/api/v1/runs', (context) => list(context, ports))
  app.get('/api/v1/runs/:id', (context) => show(context, ports))
  app.post('/api/v1/runs/:id/cancel', (context) => cancel(context, ports))
  app.post('/api/v1/runs/:id/retry', (context) => retry(context, ports))
  app.post('/api/v1/events', (context) => hear(context, ports))
}

async function start(context: Context<Env>, ports: ApiPorts): Promise<Response> {
  const [, namespace = '', name = '', version] =
    nameForm.exec(context.req.param('name') ?? '') ?? []
  if (namespace === '') {
    return refuse(context, 'api/invalid', 'expected NAMESPACE.NAME or NAMESPACE.NAME:VERSION')
  }
  const body = await readJson(context)
  if (!body.ok) return refuse(context, 'api/invalid', body.reason)
  const parsed = startBody.safeParse(body.value)
  if (!parsed.success) return refuse(context, 'api/invalid', z.prettifyError(parsed.error))
  const project = context.req.query('project') ?? 'default'
  const named = { project, namespace, name }
  const denied = await whyMayNot(ports, context.get('caller').principal, 'run', {
    ...{ kind: 'Workflow', project, labels: {} },
    name: workflowName({ namespace, name, version: version ?? '' }),
  })
  if (denied !== null) return refuse(context, 'api/forbidden', denied)
  const chosen = version ?? (await newestVersion(ports.sql, named))
  const key = {
    kind: 'Workflow',
    project,
    name: workflowName({ namespace, name, version: chosen ?? '' }),
  }
  if (chosen === null || (await loadResource(ports.sql, key)) === null) {
    return refuse(
      context,
      'api/not-found',
      `there is no Workflow ${key.name} in project ${project}`,
    )
  }
  try {
    const { input, labels } = parsed.data
    const id = await ports.workflows.start({ ...named, version: chosen, input, labels })
    return context.json({ id, workflow: key.name }, 201)
  } catch (error) {
    if (!(error instanceof EngineBusy)) throw error
    return refuse(context, 'api/unavailable', `the workflow engine ${error.message}`)
  }
}

async function list(context: Context<Env>, ports: ApiPorts): Promise<Response> {
  const project = context.req.query('project') ?? 'default'
  const denied = await whyMayNotRead(context, ports, { project, name: '' })
  if (denied !== null) return refuse(context, 'api/forbidden', denied)
  const limit = Number(context.req.query('limit') ?? 50)
  if (!Number.isInteger(limit) || limit < 1 || limit > pageMax) {
    return refuse(context, 'api/invalid', `limit: expected a count from 1 to ${pageMax}`)
  }
  const [status, name] = [context.req.query('status'), context.req.query('name')]
  const runs = await listRuns(ports.sql, { project, status, name, limit })
  return context.json({ items: runs.map(present) })
}

async function show(context: Context<Env>, ports: ApiPorts): Promise<Response> {
  const found = await findRun(context, ports)
  if (found instanceof Response) return found
  const journal = (await loadJournals(ports.sql, [found.head.id])).get(found.head.id)
  const waiting = await ports.sql<{ key: string; kind: string; subject: string }[]>`
    select key, kind, subject from workflow_waiting where run = ${found.head.id} order by key`
  return context.json({ ...present(found), waiting, entries: journal?.entries ?? [] })
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

async function hear(context: Context<Env>, ports: ApiPorts): Promise<Response> {
  const body = await readJson(context)
  const parsed = eventBody.safeParse(body.ok ? body.value : null)
  if (!parsed.success) {
    return refuse(context, 'api/invalid', 'expected a CloudEvent with id, source and type')
  }
  const project = context.req.query('project') ?? 'default'
  const { principal } = context.get('caller')
  const target = { kind: 'Workflow', project, name: '', labels: {} }
  const denied = await whyMayNot(ports, principal, 'run', target)
  if (denied !== null) return refuse(context, 'api/forbidden', denied)
  const event: CloudEvent = parsed.data
  const isNew = await publishEvent(ports.sql, project, event, ports.nowMs())
  return context.json({ isNew }, 202)
}

/** The run that the path names, where the caller may do this with it. */
export async function findRun(
  context: Context<Env>,
  ports: ApiPorts,
  action: 'read' | 'run' = 'read',
): Promise<StoredRun | Response> {
  const id = context.req.param('id') ?? ''
  const [run] = await loadRuns(ports.sql, [id])
  if (run === undefined) return refuse(context, 'api/not-found', `there is no run ${id}`)
  const { project } = run.head
  const target = { kind: 'Workflow', project, name: workflowName(run.head), labels: {} }
  const denied = await whyMayNot(ports, context.get('caller').principal, action, target)
  return denied === null ? run : refuse(context, 'api/forbidden', denied)
}

async function whyMayNotRead(
  context: Context<Env>,
  ports: ApiPorts,
  of: { readonly project: string; readonly name: string },
): Promise<string | null> {
  const target = { kind: 'Workflow', labels: {}, ...of }
  return await whyMayNot(ports, context.get('caller').principal, 'read', target)
}

function present({ head, status, wakeAtMs, updatedAtMs, outcome, hash }: StoredRun) {
  return {
    id: head.id,
    project: head.project,
    workflow: workflowName(head),
    status,
    labels: head.labels,
    parent: head.parent === null ? null : { run: head.parent.run, key: head.parent.key },
    startedAtMs: head.startedAtMs,
    updatedAtMs,
    wakeAtMs,
    outcome: outcome === null ? null : outcomeIn(outcome),
    hash,
  }
}

function outcomeIn(text: string): Json {
  return JSON.parse(text)
}
