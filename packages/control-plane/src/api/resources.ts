// Resources
//
// The generic verbs of every kind: list, watch, get, apply (with dry run), delete.

import { deploymentSpec, startRollout } from '@tutti/core/fleet'
import { parseResource } from '@tutti/core/kinds'
import {
  apiVersion,
  type Kind,
  kindOf,
  kinds,
  levelsMax,
  type Resource,
  selects,
  whereTooDeep,
} from '@tutti/core/resource'
import type { Context, Hono } from 'hono'
import { type ChangeOutcome, type PlannedChange, submitChange } from '../governance/index.ts'
import { listResources, loadResource } from '../store/index.ts'
import { refuse, refuseFindings } from './answer.ts'
import { formatDenials, openFence, whyMayNot } from './authorize.ts'
import { describeConflict } from './describe-conflict.ts'
import type { ApiPorts, Env } from './ports.ts'
import { presentResource } from './present-resource.ts'
import { watchResources } from './watch-resources.ts'

export const pageMax = 500 // resources in one answer: some hundred KB

/** Mounts the verbs under `/api/v1/<plural>`. */
export function mountResources(app: Hono<Env>, ports: ApiPorts): void {
  app.get('/api/v1/:plural', (context) => list(context, ports))
  app.get('/api/v1/:plural/:name', (context) => get(context, ports))
  app.put('/api/v1/:plural/:name', (context) => apply(context, ports))
  app.delete('/api/v1/:plural/:name', (context) => remove(context, ports))
}

async function list(context: Context<Env>, ports: ApiPorts): Promise<Response> {
  const kind = kindOf(context.req.param('plural') ?? '')
  if (kind === null) return notAKind(context)
  const isCluster = kinds[kind].scope === 'cluster'
  const project = isCluster ? '' : context.req.query('project')
  const { principal } = context.get('caller')
  const denied = await whyMayNot(ports, principal, 'read', {
    kind,
    project: project ?? '',
    name: '',
  })
  if (denied !== null) return refuse(context, 'api/forbidden', denied)
  // Without a project the answer spans all of them: those behind a fence are left out.
  const mayRead = openFence(ports, principal, kind)
  if (context.req.query('watch') === 'true')
    return watchResources(context, ports, { kind, project })
  const limit = Number(context.req.query('limit') ?? pageMax)
  if (!Number.isInteger(limit) || limit < 1) {
    return refuse(context, 'api/invalid', `limit: expected a count from 1 to ${pageMax}`)
  }
  const after = parseContinue(context.req.query('continue'))
  const labels = parseLabels(context.req.query('labelSelector'))
  if (labels === null) return refuse(context, 'api/invalid', 'labelSelector: expected a=b,c=d')
  const found = await listResources(ports.sql, {
    kind,
    project,
    labels,
    after,
    limit: pageOf(limit),
  })
  const readable = await Promise.all(found.map(({ metadata }) => mayRead(metadata)))
  const seen = found.filter((_, i) => readable[i])
  const items = await Promise.all(seen.map((one) => presentResource(ports, one)))
  const last = found.length === pageOf(limit) ? found.at(-1) : undefined
  const next = last === undefined ? {} : { continue: formatContinue(last) }
  return context.json({ apiVersion, kind: `${kind}List`, items, ...next })
}

function pageOf(limit: number): number {
  return Math.min(pageMax, limit)
}

async function get(context: Context<Env>, ports: ApiPorts): Promise<Response> {
  const key = keyOf(context)
  if (key === null) return notAKind(context)
  const { principal } = context.get('caller')
  const denied = await whyMayNot(ports, principal, 'read', key)
  if (denied !== null) return refuse(context, 'api/forbidden', denied)
  const resource = await loadResource(ports.sql, key)
  if (resource === null) return refuse(context, 'api/not-found', absent(key))
  const { labels } = resource.metadata
  const why = await whyMayNot(ports, principal, 'read', { ...key, labels })
  if (why !== null) return refuse(context, 'api/forbidden', why)
  return context.json(await presentResource(ports, resource))
}

async function apply(context: Context<Env>, ports: ApiPorts): Promise<Response> {
  const key = keyOf(context)
  if (key === null) return notAKind(context)
  const document = await readJson(context)
  if (!document.ok) return refuse(context, 'api/invalid', document.reason)
  const parsed = parseResource(document.value, key.project || 'default')
  if (!parsed.ok) return refuseFindings(context, parsed.findings)
  const { kind, metadata } = parsed.resource
  if (kind !== key.kind || metadata.name !== key.name) {
    const got = `${kind} ${metadata.name}`
    return refuse(context, 'api/invalid', `the path names ${key.kind} ${key.name}, the body ${got}`)
  }
  const outcome = await submitChange(ports.admission, {
    principal: context.get('caller').principal,
    change: { kind: 'apply', declared: parsed.resource },
    dryRun: context.req.query('dryRun') === 'true',
    approvals: [],
  })
  return await answerOutcome(context, ports, outcome)
}

async function remove(context: Context<Env>, ports: ApiPorts): Promise<Response> {
  const key = keyOf(context)
  if (key === null) return notAKind(context)
  const outcome = await submitChange(ports.admission, {
    principal: context.get('caller').principal,
    change: { kind: 'delete', key },
    dryRun: context.req.query('dryRun') === 'true',
    approvals: [],
  })
  if (outcome.outcome === 'committed' && key.kind === 'Node') {
    ports.hub.disconnect(key.name)
    ports.registry.forget(key.name)
  }
  return await answerOutcome(context, ports, outcome)
}

/** The HTTP answer to a change's outcome. */
export async function answerOutcome(
  context: Context<Env>,
  ports: ApiPorts,
  result: ChangeOutcome,
): Promise<Response> {
  switch (result.outcome) {
    case 'committed':
    case 'unchanged': {
      const { outcome } = result
      const { kind, metadata } = result.resource
      if (kind === 'Secret') ports.workflows.forgetSecrets(metadata.project)
      if (kind === 'Project') ports.workflows.forgetProject(metadata.name)
      const action = result.outcome === 'committed' ? result.action : 'none'
      const resource = await presentResource(ports, result.resource)
      return context.json({ outcome, action, resource }, action === 'create' ? 201 : 200)
    }
    case 'planned': {
      const { plan, verdict } = result
      const { action, before, write, digest } = plan
      const { labels, annotations, spec } = write
      const after = spec === null ? null : { metadata: { labels, annotations }, spec }
      const impact = impactOf(ports, plan)
      return context.json({ outcome: 'planned', action, verdict, digest, before, after, ...impact })
    }
    case 'needs-approval': {
      const { approval, verdict } = result
      return context.json({ outcome: 'needs-approval', approval, verdict }, 202)
    }
    case 'denied': {
      const { denials } = result.verdict
      return refuse(context, 'api/denied', formatDenials(denials, result.asked), { denials })
    }
    case 'invalid':
      return refuseFindings(context, result.findings)
    case 'conflict': {
      const { generation } = result
      return refuse(context, 'api/conflict', describeConflict(result), { generation })
    }
    case 'held':
      return refuse(context, 'api/conflict', result.reason)
    case 'not-found':
      return refuse(context, 'api/not-found', absent(result.key))
  }
}

/** Which nodes a change of a Deployment reaches, and which of them would go first. */
function impactOf(ports: ApiPorts, { key, before, write }: PlannedChange) {
  if (key.kind !== 'Deployment' || write.spec === null) return {}
  const { selector, strategy } = deploymentSpec.parse(write.spec)
  const nodes = ports.registry.views().filter((node) => selects(selector, node.labels))
  const generation = write.baseGeneration + 1
  const salt = { uid: before?.metadata.uid ?? '', generation }
  const { cohort, waves } = startRollout(strategy, nodes, salt)
  return { impact: { nodes: nodes.length, canaries: cohort.canaries, waves } }
}

interface Key {
  readonly kind: Kind
  readonly project: string
  readonly name: string
}

function keyOf(context: Context<Env>): Key | null {
  const kind = kindOf(context.req.param('plural') ?? '')
  const name = context.req.param('name') ?? ''
  if (kind === null) return null
  const project = kinds[kind].scope === 'cluster' ? '' : (context.req.query('project') ?? 'default')
  return { kind, project, name }
}

function absent({ kind, project, name }: { kind: string; project: string; name: string }): string {
  return `there is no ${kind} ${name}${project === '' ? '' : ` in project ${project}`}`
}

function notAKind(context: Context<Env>): Response {
  const plurals = Object.values(kinds).map(({ plural }) => plural)
  const message = `nothing at ${context.req.path}: expected one of ${plurals.join(', ')}`
  return refuse(context, 'api/not-found', message)
}

/** The body as JSON, or what is wrong with it. */
export async function readJson(
  context: Context<Env>,
): Promise<
  { readonly ok: true; readonly value: unknown } | { readonly ok: false; readonly reason: string }
> {
  const text = await context.req.text()
  try {
    const value: unknown = JSON.parse(text)
    const deep = whereTooDeep(value)
    if (deep === null) return { ok: true, value }
    return { ok: false, reason: `expected at most ${levelsMax} levels in each other, at ${deep}` }
  } catch (error) {
    const said = error instanceof Error ? error.message : String(error)
    return { ok: false, reason: `expected a JSON body: ${said}` }
  }
}

function parseLabels(text: string | undefined): Record<string, string> | undefined | null {
  if (text === undefined || text === '') return undefined
  const pairs = text.split(',').map((pair) => pair.split('='))
  if (pairs.some((pair) => pair.length !== 2 || pair[0] === '')) return null
  return Object.fromEntries(pairs)
}

function parseContinue(text: string | undefined): { project: string; name: string } | undefined {
  if (text === undefined) return undefined
  const [project = '', name = ''] = Buffer.from(text, 'base64url').toString('utf8').split('\n')
  return { project, name }
}

function formatContinue({ metadata }: Resource): string {
  return Buffer.from(`${metadata.project}\n${metadata.name}`).toString('base64url')
}
