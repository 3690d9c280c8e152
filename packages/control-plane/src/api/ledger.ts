// Ledger
//
// The log as outsiders read it: the newest checkpoint, C2SP tiles, and the entries with salt and body for
// an export that anyone can verify offline. Reading is all there is; nobody writes the log but commits.

import { parseTilePath } from '@tutti/ledger'
import type { Context, Hono } from 'hono'
import { newestCheckpoint, proveEntry } from '../governance/index.ts'
import { readBundle, readTileFrom } from '../store/index.ts'
import { refuse } from './answer.ts'
import { whyMayNot } from './authorize.ts'
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
 * for body.
 */
async function entries(context: Context<Env>, ports: ApiPorts): Promise<Response> {
  const from = Number(context.req.query('from') ?? 0)
  const until = Number(context.req.query('until') ?? Number.MAX_SAFE_INTEGER)
  if (!Number.isSafeInteger(from) || from < 0 || !Number.isSafeInteger(until)) {
    return refuse(context, 'api/invalid', 'from, until: expected an index')
  }
  const rows = await ports.sql<
    { leaf_index: string; commitment: Buffer; salt: Buffer; body: string | null }[]
  >`select leaf_index, commitment, salt, body from ledger_entry
    where leaf_index >= ${from} and leaf_index < ${Math.min(until, from + entriesMax)}
    order by leaf_index`
  const items = rows.map(({ leaf_index, commitment, salt, body }) => ({
    index: Number(leaf_index),
    entry: commitment.toString('base64'),
    ...(body === null ? { erased: true } : { salt: salt.toString('base64'), body }),
  }))
  return context.json({ items })
}

/** The newest record of one resource, with its proof. */
async function prove(context: Context<Env>, ports: ApiPorts): Promise<Response> {
  const resource = context.req.query('resource') ?? ''
  const newest = await newestCheckpoint(ports.sql)
  const [row] = await ports.sql<{ id: string }[]>`
    select id from ledger_entry where resource = ${resource} and leaf_index is not null
    order by id desc limit 1`
  if (newest === null || row === undefined) {
    const message = `the log has no record of ${resource}: expected Kind/project/name`
    return refuse(context, 'api/not-found', message)
  }
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
