// Workflow assets
//
// What runs of a project have made for other runs: which there are, how old they are, what each version was made of and who read it.

import { assetName } from '@tutti/core/workflow'
import type { Context, Hono } from 'hono'
import { type AssetVersion, listAssets, loadReaders, loadVersions } from '../workflow/index.ts'
import { refuse } from './answer.ts'
import { whyMayNot } from './authorize.ts'
import type { ApiPorts, Env } from './ports.ts'
import { workflowTarget } from './runnable.ts'

const assetsMax = 500 // in one answer
const readersMax = 100

export function mountAssets(app: Hono<Env>, ports: ApiPorts): void {
  app.get('/api/v1/assets', (context) => list(context, ports))
  app.get('/api/v1/assets/:name', (context) => show(context, ports))
}

/** The newest version of each partition, of one asset where it is named. */
async function list(context: Context<Env>, ports: ApiPorts): Promise<Response> {
  const project = context.req.query('project') ?? 'default'
  const denied = await whyMayNotRead(context, ports, { project, name: '' })
  if (denied !== null) return refuse(context, 'api/forbidden', denied)
  const name = context.req.query('name') ?? null
  const rows = await listAssets(ports.sql, { project, name, limit: assetsMax })
  return context.json({ items: (await readable(context, ports, project, rows)).map(summary) })
}

/** The versions of one partition that are kept, with their values. */
async function show(context: Context<Env>, ports: ApiPorts): Promise<Response> {
  const project = context.req.query('project') ?? 'default'
  const name = context.req.param('name') ?? ''
  const partition = context.req.query('partition') ?? ''
  const denied = await whyMayNotRead(context, ports, { project, name: '' })
  if (denied !== null) return refuse(context, 'api/forbidden', denied)
  const subject = assetName({ name, partition })
  const found = await loadVersions(ports.sql, { project, name, partition })
  const versions = await readable(context, ports, project, found)
  if (versions.length === 0) {
    return refuse(context, 'api/not-found', `there is no asset ${subject} in project ${project}`)
  }
  const readers = await loadReaders(ports.sql, { project, subject, limit: readersMax })
  const items = versions.map((version) => ({
    ...{ ...summary(version), value: version.value, sources: version.sources },
    readBy: readers
      .filter(({ digest }) => digest === version.digest)
      .map(({ run, key }) => ({ run, key })),
  }))
  return context.json({ name, partition, versions: items })
}

/** Those made by workflows that the caller may read. */
async function readable(
  context: Context<Env>,
  ports: ApiPorts,
  project: string,
  versions: readonly AssetVersion[],
): Promise<readonly AssetVersion[]> {
  const hidden = new Set<string>()
  for (const name of new Set(versions.map(({ workflow }) => workflow))) {
    if ((await whyMayNotRead(context, ports, { project, name })) !== null) hidden.add(name)
  }
  return versions.filter(({ workflow }) => !hidden.has(workflow))
}

async function whyMayNotRead(
  context: Context<Env>,
  ports: ApiPorts,
  of: { readonly project: string; readonly name: string },
): Promise<string | null> {
  const { target } = await workflowTarget(ports, of)
  return await whyMayNot(ports, context.get('caller').principal, 'read', target)
}

function summary({ name, partition, run, key, workflow, digest, madeAtMs }: AssetVersion) {
  return { name, partition, run, key, workflow, digest, madeAtMs }
}
