// Workflow runs
//
// Starting and looking at runs of workflows, and handing in events. Before a run begins policy sees what its document may
// reach, and may refuse.

import type { Json } from '@tutti/core/resource'
import { type CloudEvent, workflowName } from '@tutti/core/workflow'
import type { Context, Hono } from 'hono'
import { z } from 'zod'
import {
  cursorOf,
  listQueued,
  listRuns,
  loadArchived,
  loadJournals,
  loadQueued,
  loadRuns,
  publishEvent,
  queuedPlaceIn,
  type RunFilter,
  runPlaceIn,
  runStatuses,
  type StoredRun,
  subjectsOfModel,
} from '../workflow/index.ts'
import { refuse } from './answer.ts'
import { whyMayNot } from './authorize.ts'
import { beginRun } from './begin-run.ts'
import type { ApiPorts, Env } from './ports.ts'
import { readJson } from './resources.ts'
import { workflowTarget } from './runnable.ts'

const pageMax = 500 // runs in one answer
/** `NAMESPACE.NAME`, or `NAMESPACE.NAME:VERSION`. */
export const nameForm = /^([a-zA-Z0-9-]+)\.([a-zA-Z0-9-]+)(?::(.+))?$/
const startBody = z.strictObject({
  input: z.json().default({}),
  labels: z.record(z.string(), z.string()).default({}),
})
const eventBody = z
  .record(z.string(), z.json())
  .refine((event) => ['id', 'source', 'type'].every((name) => typeof event[name] === 'string'))

export function mountRuns(app: Hono<Env>, ports: ApiPorts): void {
  app.post('/api/v1/workflows/:name/runs', (context) => start(context, ports))
  app.get('/api/v1/runs', (context) => list(context, ports))
  app.get('/api/v1/runs/:id', (context) => show(context, ports))
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
  const { input, labels } = parsed.data
  const asked = { project, namespace, name, version: version ?? null, input, labels }
  const begun = await beginRun(ports, context.get('caller').principal, asked)
  if (!begun.ok) return refuse(context, begun.code, begun.reason)
  return context.json({ id: begun.id, workflow: begun.workflow }, 201)
}

async function list(context: Context<Env>, ports: ApiPorts): Promise<Response> {
  const project = context.req.query('project') ?? 'default'
  const denied = await whyMayNotRead(context, ports, { project, name: '' })
  if (denied !== null) return refuse(context, 'api/forbidden', denied)
  const limit = Number(context.req.query('limit') ?? 50)
  if (!Number.isInteger(limit) || limit < 1 || limit > pageMax) {
    return refuse(context, 'api/invalid', `limit: expected a count from 1 to ${pageMax}`)
  }
  const filter = filterOf(context.req.queries())
  if (typeof filter === 'string') return refuse(context, 'api/invalid', filter)
  const { model, artifact, asset } = context.req.query()
  const used = model === undefined ? [] : await subjectsOfModel(ports.sql, project, model)
  const named = [artifact, asset].filter((one) => one !== undefined)
  const subjects = model === undefined && named.length === 0 ? undefined : [...used, ...named]
  const isQueued = filter.status === 'queued'
  const cursor = context.req.query('after')
  const rows = isQueued
    ? await queuedAfter(ports, { project, limit }, cursor)
    : await runsAfter(ports, { project, limit, ...filter, subjects }, cursor)
  if (rows === null) return refuse(context, 'api/invalid', 'after: expected the cursor of a run')
  const items = rows.map(({ run, at }) => ({ ...present(run), cursor: cursorOf(at) }))
  const next = items.length < limit ? null : (items.at(-1)?.cursor ?? null)
  return context.json({ items, next })
}

/** Null where the cursor is none of this list. */
async function runsAfter({ sql }: ApiPorts, filter: RunFilter, cursor: string | undefined) {
  const after = cursor === undefined ? undefined : runPlaceIn(cursor)
  if (after === null) return null
  const runs = await listRuns(sql, { ...filter, after })
  return runs.map((run) => ({ run, at: [run.head.startedAtMs, run.head.id] as const }))
}

async function queuedAfter(
  { sql }: ApiPorts,
  filter: Pick<RunFilter, 'project' | 'limit'>,
  cursor: string | undefined,
) {
  const after = cursor === undefined ? undefined : queuedPlaceIn(cursor)
  if (after === null) return null
  const runs = await listQueued(sql, after === undefined ? filter : { ...filter, after })
  return runs.map((run) => ({ run, at: run.place }))
}

/** What the query asks for; a sentence where it cannot. */
function filterOf(
  queries: Readonly<Record<string, readonly string[]>>,
): Omit<RunFilter, 'project' | 'limit'> | string {
  const one = (name: string) => queries[name]?.[0]
  const labels = labelsIn(queries['label'] ?? [])
  if (typeof labels === 'string') return labels
  const [from, until] = [one('startedFrom'), one('startedUntil')]
  const [startedFromMs, startedUntilMs] = [timeIn(from), timeIn(until)]
  if (Number.isNaN(startedFromMs) || Number.isNaN(startedUntilMs)) {
    return `startedFrom, startedUntil: expected a time such as 2026-11-21T09:00:00Z`
  }
  const status = one('status')
  if (status !== undefined && !runStatuses.some((known) => known === status)) {
    return `status: expected one of ${runStatuses.join(', ')}, got ${status}`
  }
  const named = { version: one('version'), ...partsOf(one('name')) }
  return { status, ...named, error: one('error'), labels, startedFromMs, startedUntilMs }
}

/** A workflow by its name alone, or as it is called elsewhere. */
function partsOf(text: string | undefined): Pick<RunFilter, 'namespace' | 'name' | 'version'> {
  const [, namespace, name, version] = nameForm.exec(text ?? '') ?? []
  if (namespace === undefined) return text === undefined ? {} : { name: text }
  return { namespace, name, ...(version === undefined ? {} : { version }) }
}

/** `NAME=VALUE` each; a sentence where one is not. */
export function labelsIn(texts: readonly string[]): Readonly<Record<string, string>> | string {
  const labels: Record<string, string> = {}
  for (const text of texts) {
    const [, name, value] = /^([^=]+)=(.*)$/.exec(text) ?? []
    if (name === undefined || value === undefined) return `label: expected NAME=VALUE, got ${text}`
    labels[name] = value
  }
  return labels
}

/** Not a number where it is no time. */
export function timeIn(text: string | undefined): number | undefined {
  return text === undefined ? undefined : Date.parse(text)
}

async function show(context: Context<Env>, ports: ApiPorts): Promise<Response> {
  const found = await findRun(context, ports)
  if (found instanceof Response) return found
  const { id } = found.head
  const live = (await loadJournals(ports.sql, [id])).get(id)
  const journal = live ?? (await loadArchived(ports.sql, id))?.journal
  const waiting = await ports.sql<{ key: string; kind: string; subject: string }[]>`
    select key, kind, subject from workflow_waiting where run = ${id} order by key`
  return context.json({ ...present(found), waiting, entries: journal?.entries ?? [] })
}

async function hear(context: Context<Env>, ports: ApiPorts): Promise<Response> {
  const body = await readJson(context)
  if (!body.ok) return refuse(context, 'api/invalid', body.reason)
  const parsed = eventBody.safeParse(body.value)
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
  const [live] = await loadRuns(ports.sql, [id])
  // What is archived can be looked at, and no more.
  const queued = live === undefined ? await loadQueued(ports.sql, id) : null
  const archived = action === 'read' ? (await loadArchived(ports.sql, id))?.run : undefined
  const run = live ?? queued ?? archived
  if (run === undefined) return refuse(context, 'api/not-found', `there is no run ${id}`)
  const { project } = run.head
  const { target } = await workflowTarget(ports, { project, name: workflowName(run.head) })
  const denied = await whyMayNot(ports, context.get('caller').principal, action, target)
  return denied === null ? run : refuse(context, 'api/forbidden', denied)
}

export async function whyMayNotRead(
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
