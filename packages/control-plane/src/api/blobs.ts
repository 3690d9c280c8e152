// Blobs
//
// Content-addressed files over HTTP: upload with resume (`PUT` with `Content-Range`), download with ranges,
// so that a node that was cut off goes on where it stopped.

import { createReadStream } from 'node:fs'
import { Readable } from 'node:stream'
import { digest as digestSchema } from '@tutti/core/resource'
import type { Context, Hono } from 'hono'
import { grantBlob, isGranted } from '../store/index.ts'
import { refuse } from './answer.ts'
import { whyMayNot } from './authorize.ts'
import type { ApiPorts, Env } from './ports.ts'

export const blobBytesMax = 64 * 2 ** 30 // 64 GiB: larger than any single model file today

export function mountBlobs(app: Hono<Env>, ports: ApiPorts): void {
  // Hono answers HEAD with the headers of GET, so both are one handler.
  app.get('/api/v1/blobs/:digest', (context) => download(context, ports))
  app.put('/api/v1/blobs/:digest', (context) => upload(context, ports))
}

async function upload(context: Context<Env>, ports: ApiPorts): Promise<Response> {
  const digest = parseDigest(context)
  if (digest === null) return notADigest(context)
  const grant = { digest, project: projectOf(context) }
  const denied = await mayWrite(ports, context, grant.project)
  if (denied !== null) return refuse(context, 'api/forbidden', denied)
  const range = parseContentRange(context)
  if (range === null) {
    const message = 'expected Content-Length, or Content-Range: bytes FIRST-LAST/TOTAL'
    return refuse(context, 'api/invalid', message)
  }
  if (range.totalBytes > blobBytesMax) {
    return refuse(context, 'api/too-large', `a file may have ${blobBytesMax} bytes at most`)
  }
  if ((await sizeIn(ports, grant)) !== null) {
    await ports.blobs.touch(digest)
    return context.json({ digest, complete: true, uploadedBytes: range.totalBytes }, 201)
  }
  const body = context.req.raw.body
  const chunks = body === null ? Readable.from([]) : Readable.fromWeb(body as never)
  const result = await ports.blobs.write({ ...grant, ...range, chunks })
  const { uploadedBytes } = result
  if (!result.ok) return refuse(context, 'api/conflict', result.reason, { uploadedBytes })
  if (result.complete) await grantBlob(ports.sql, grant)
  return context.json(
    { digest, complete: result.complete, uploadedBytes },
    result.complete ? 201 : 202,
  )
}

async function mayWrite(
  ports: ApiPorts,
  context: Context<Env>,
  project: string,
): Promise<string | null> {
  const { principal } = context.get('caller')
  if (principal.type !== 'User') return 'nodes do not upload models'
  return await whyMayNot(ports, principal, 'admit', { kind: 'Model', project, name: '' })
}

/** Size of a blob for who comes through this project: null also where only others brought it. */
async function sizeIn(
  { sql, blobs }: ApiPorts,
  grant: { readonly digest: string; readonly project: string },
): Promise<number | null> {
  return (await isGranted(sql, grant)) ? await blobs.size(grant.digest) : null
}

function projectOf(context: Context<Env>): string {
  return context.req.query('project') ?? 'default'
}

async function download(context: Context<Env>, ports: ApiPorts): Promise<Response> {
  const digest = parseDigest(context)
  if (digest === null) return notADigest(context)
  const { principal } = context.get('caller')
  const grant = { digest, project: projectOf(context) }
  const isNode = principal.type === 'Node' // fetches what its assignments name, in any project
  const anyModel = { kind: 'Model', project: grant.project, name: '' }
  const denied = isNode ? null : await whyMayNot(ports, principal, 'read', anyModel)
  if (denied !== null) return refuse(context, 'api/forbidden', denied)
  const size = isNode ? await ports.blobs.size(digest) : await sizeIn(ports, grant)
  if (size === null) {
    const uploadedBytes = await ports.blobs.uploaded(grant)
    return refuse(context, 'api/not-found', `there is no blob ${digest}`, { uploadedBytes })
  }
  const range = parseRange(context.req.header('range'), size)
  if (range === null) {
    context.header('content-range', `bytes */${size}`)
    return context.body(null, 416)
  }
  context.header('accept-ranges', 'bytes')
  context.header('etag', `"${digest}"`)
  context.header('content-type', 'application/octet-stream')
  context.header('content-length', String(range.end - range.start))
  if (range.partial)
    context.header('content-range', `bytes ${range.start}-${range.end - 1}/${size}`)
  const status = range.partial ? 206 : 200
  if (context.req.method === 'HEAD' || range.end === range.start) return context.body(null, status)
  const file = createReadStream(ports.blobs.path(digest), {
    start: range.start,
    end: range.end - 1,
  })
  return context.body(Readable.toWeb(file) as ReadableStream, status)
}

interface ByteRange {
  readonly start: number
  readonly end: number
  readonly partial: boolean
}

/** RFC 9110 section 14.1.2, one range; null where it cannot be satisfied. */
function parseRange(header: string | undefined, size: number): ByteRange | null {
  const match = /^bytes=(\d*)-(\d*)$/.exec(header ?? '')
  if (match === null || (match[1] === '' && match[2] === '')) {
    return { start: 0, end: size, partial: false }
  }
  const [, first = '', last = ''] = match
  const start = first === '' ? Math.max(0, size - Number(last)) : Number(first)
  const end = first === '' || last === '' ? size : Math.min(size, Number(last) + 1)
  return start < end ? { start, end, partial: true } : null
}

/** Where an upload's bytes belong; without Content-Range the body is the whole file. */
function parseContentRange(
  context: Context<Env>,
): { readonly offset: number; readonly totalBytes: number } | null {
  const header = context.req.header('content-range')
  if (header === undefined) {
    const length = context.req.header('content-length')
    return length === undefined ? null : { offset: 0, totalBytes: Number(length) }
  }
  const match = /^bytes (\d+)-\d+\/(\d+)$/.exec(header)
  return match === null ? null : { offset: Number(match[1]), totalBytes: Number(match[2]) }
}

function parseDigest(context: Context<Env>): string | null {
  const parsed = digestSchema.safeParse(context.req.param('digest'))
  return parsed.success ? parsed.data : null
}

function notADigest(context: Context<Env>): Response {
  const got = context.req.param('digest')
  return refuse(context, 'api/invalid', `expected sha256: and 64 hex digits, got ${got}`)
}
