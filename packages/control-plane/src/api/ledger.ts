// Ledger
//
// The log as outsiders read it: the newest checkpoint, C2SP tiles, and the entries with salt and body for
// an export that anyone can verify offline. Reading is all there is; nobody writes the log but commits.

import { kindOf, kinds, type ResourceKey } from '@tutti/core/resource'
import { parseTilePath } from '@tutti/ledger'
import type { Context, Hono } from 'hono'
import { newestCheckpoint, type Principal, proveEntry } from '../governance/index.ts'
import { readBundle, readTileFrom, type Sql } from '../store/index.ts'
import { refuse } from './answer.ts'
import { type Fence, openFence, whyMayNot } from './authorize.ts'
import type { ApiPorts, Env } from './ports.ts'

const entriesMax = 1_000

export function mountLedger(app: Hono<Env>, ports: ApiPorts): void {
  app.use('/api/v1/ledger/*', async (context, next) => {
    const { principal } = context.get('caller')
    const policies = { kind: 'Policy', project: '', name: '' }
    if (principal.type === 'Node') return await next() // nodes witness what they are told
    const denied = await whyMayNot(ports, principal, 'read', policies)
    return denied === null ? await next() : refuse(context, 'api/forbidden', denied)
  })
  app.get('/api/v1/ledger/checkpoint', (context) => checkpoint(context, ports))
  app.get('/api/v1/ledger/entries', (context) => entries(context, ports))
  app.get('/api/v1/ledger/prove', (context) => prove(context, ports))
  app.get('/api/v1/ledger/tile/*', (context) => tile(context, ports))
}

async function checkpoint(context: Context<Env>, ports: ApiPorts): Promise<Response> {
  const newest = await newestCheckpoint(ports.sql)
  if (newest === null) return refuse(context, 'api/not-found', 'the log is empty')
  const keys = [ports.identity.log.verifier.vkey]
  return context.json({ size: newest.size, checkpoint: newest.note, keys })
}

/**
 * Entries in order from `from`, as many as fit a page: `{index, entry, salt, body}`, base64 but
 * for body. Commitments are open to every reader of the log; what they commit to is for those who
 * may read the resource, and `withheld` from others.
 */
async function entries(context: Context<Env>, ports: ApiPorts): Promise<Response> {
  const from = Number(context.req.query('from') ?? 0)
  const until = Number(context.req.query('until') ?? Number.MAX_SAFE_INTEGER)
  if (!Number.isSafeInteger(from) || from < 0 || !Number.isSafeInteger(until)) {
    return refuse(context, 'api/invalid', 'from, until: expected an index')
  }
  const rows = await ports.sql<EntryRow[]>`
    select leaf_index, commitment, salt, body, resource, labels from ${recordsOf(ports.sql)}
    where leaf_index >= ${from} and leaf_index < ${Math.min(until, from + entriesMax)}
    order by leaf_index`
  const mayRead = openRecordFence(ports, context.get('caller').principal)
  const items = await Promise.all(
    rows.map(async (row) => ({
      index: Number(row.leaf_index),
      entry: row.commitment.toString('base64'),
      ...(row.body === null
        ? { erased: true }
        : (await mayRead(row))
          ? { salt: row.salt.toString('base64'), body: row.body }
          : { withheld: true }),
    })),
  )
  return context.json({ items })
}

interface EntryRow {
  readonly leaf_index: string
  readonly commitment: Buffer
  readonly salt: Buffer
  readonly body: string | null
  /** `Kind/project/name`, or `Kind/name` where the kind has no project. */
  readonly resource: string
  readonly labels: Readonly<Record<string, string>>
}

/** Entries with the labels of the resource that each is about, also where it was deleted since. */
function recordsOf(sql: Sql) {
  return sql`(
    select entry.*, coalesce(resource.labels, '{}') as labels
    from ledger_entry as entry left join resource
      on entry.resource = concat_ws('/', kind, nullif(project, ''), name)
  ) as record`
}

/** May the caller read the records of this resource? They are as open as the resource itself. */
function openRecordFence(
  ports: ApiPorts,
  principal: Principal,
): (row: Pick<EntryRow, 'resource' | 'labels'>) => Promise<boolean> {
  const fences = new Map<string, Fence>()
  return async ({ resource, labels }) => {
    const key = keyOfRecord(resource)
    if (key === null) return false
    const fence = fences.get(key.kind) ?? openFence(ports, principal, key.kind)
    fences.set(key.kind, fence)
    return await fence({ ...key, labels })
  }
}

/** The resource that a record names, or null. */
function keyOfRecord(resource: string): ResourceKey | null {
  const [word = '', ...rest] = resource.split('/')
  const kind = kindOf(word)
  if (kind === null) return null
  const project = kinds[kind].scope === 'cluster' ? '' : (rest.shift() ?? '')
  return { kind, project, name: rest.join('/') }
}

/** The newest record of one resource, with its proof. */
async function prove(context: Context<Env>, ports: ApiPorts): Promise<Response> {
  const resource = context.req.query('resource') ?? ''
  const { principal } = context.get('caller')
  const key = keyOfRecord(resource)
  const denied = key === null ? null : await whyMayNot(ports, principal, 'read', key)
  if (denied !== null) return refuse(context, 'api/forbidden', denied)
  const newest = await newestCheckpoint(ports.sql)
  const [row] = await ports.sql<{ id: string; labels: EntryRow['labels'] }[]>`
    select id, labels from ${recordsOf(ports.sql)}
    where resource = ${resource} and leaf_index is not null
    order by id desc limit 1`
  if (key === null || newest === null || row === undefined) {
    const message = `the log has no record of ${resource}: expected Kind/project/name`
    return refuse(context, 'api/not-found', message)
  }
  const why = await whyMayNot(ports, principal, 'read', { ...key, labels: row.labels })
  if (why !== null) return refuse(context, 'api/forbidden', why)
  const proof = await proveEntry(ports.sql, Number(row.id), newest)
  const keys = [ports.identity.log.verifier.vkey]
  return context.json({ proof, checkpoint: newest.note, keys })
}

async function tile(context: Context<Env>, ports: ApiPorts): Promise<Response> {
  const path = context.req.path.slice('/api/v1/ledger/'.length)
  const parsed = parseTilePath(path)
  if (parsed === null) return refuse(context, 'api/not-found', `${path} is not a C2SP tile path`)
  const { level, index, width } = parsed
  const bytes =
    level === 'entries'
      ? await readBundle(ports.sql, index, width)
      : await readTileFrom(ports.sql)(level, index, width)
  if (bytes.length === 0) return refuse(context, 'api/not-found', `the log has no ${path}`)
  return context.body(new Uint8Array(bytes), 200, { 'content-type': 'application/octet-stream' })
}
