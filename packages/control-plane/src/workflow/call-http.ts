// Call HTTP
//
// `call: http`: a request as the task says it, and the answer as the task wants it.

import type { Json } from '@tutti/core/resource'
import { standardError } from '@tutti/core/workflow'
import { z } from 'zod'
import { ActFailed } from './act.ts'
import { artifactReference } from './artifact-store.ts'
import { authenticateCall } from './authenticate-call.ts'
import type { Caller } from './caller.ts'
import type { OutAnswer, OutRequest } from './egress.ts'

const texts = z.record(z.string(), z.json())

/** What a call says once everything in it is filled in. */
export const httpArguments = z.looseObject({
  method: z.string(),
  endpoint: z.union([
    z.string(),
    z.looseObject({ uri: z.string(), authentication: z.json().optional() }),
  ]),
  headers: texts.optional(),
  query: texts.optional(),
  body: z.json().optional(),
  output: z.enum(['raw', 'content', 'response']).default('content'),
  redirect: z.boolean().default(false),
})
export type HttpArguments = z.infer<typeof httpArguments>

export async function callHttp(args: HttpArguments, caller: Caller): Promise<Json> {
  const { endpoint, method, redirect } = args
  const uri = typeof endpoint === 'string' ? endpoint : endpoint.uri
  const policy = typeof endpoint === 'string' ? null : (endpoint.authentication ?? null)
  const request: OutRequest = {
    method: method.toUpperCase(),
    url: withQuery(uri, args.query ?? {}),
    ...(await sendingOf(args, caller)),
    signal: caller.signal,
  }
  const kept: Json[] = []
  const { keep } = caller
  const into: OutRequest['into'] =
    keep === undefined
      ? undefined
      : async (chunks, mediaType) => void kept.push(await keep(chunks, mediaType))
  const asked = into === undefined ? request : { ...request, into }
  const answer = await authenticateCall(asked, policy, caller)
  const isFine = answer.status >= 200 && answer.status < (redirect ? 400 : 300)
  if (!isFine) throw refused(request, answer)
  const version = answer.headers['x-tutti-release']
  if (version !== undefined && caller.isOurs === true) await caller.noteModel?.(version)
  if (kept[0] !== undefined) return kept[0]
  return present(request, answer, args.output)
}

function headersOf(args: HttpArguments, caller: Caller): Record<string, string> {
  const given = Object.entries(args.headers ?? {}).map(([name, value]) => [
    name.toLowerCase(),
    typeof value === 'string' ? value : JSON.stringify(value),
  ])
  const isPlain = typeof args.body === 'string'
  return {
    accept: 'application/json, */*;q=0.5',
    ...(args.body === undefined
      ? {}
      : { 'content-type': isPlain ? 'text/plain; charset=utf-8' : 'application/json' }),
    'idempotency-key': caller.idempotencyKey,
    ...Object.fromEntries(given),
  }
}

/** A body that refers to an artifact is that artifact. */
async function sendingOf(
  args: HttpArguments,
  caller: Caller,
): Promise<Pick<OutRequest, 'headers' | 'body'>> {
  const headers = headersOf(args, caller)
  const { open } = caller
  const reference = artifactReference.safeParse(args.body)
  if (!reference.success || open === undefined) return { headers, body: bodyOf(args.body) }
  const { mediaType, sizeBytes } = reference.data
  const own = { 'content-type': mediaType, 'content-length': String(sizeBytes) }
  const given = Object.keys(args.headers ?? {}).map((name) => name.toLowerCase())
  const type = given.includes('content-type') ? { 'content-length': String(sizeBytes) } : own
  return { headers: { ...headers, ...type }, body: await open(reference.data) }
}

function bodyOf(body: Json | undefined): string | null {
  if (body === undefined) return null
  return typeof body === 'string' ? body : JSON.stringify(body)
}

function withQuery(uri: string, query: Readonly<Record<string, Json>>): string {
  const pairs = Object.entries(query)
  if (pairs.length === 0 || !URL.canParse(uri)) return uri
  const url = new URL(uri)
  for (const [name, value] of pairs) {
    url.searchParams.set(name, typeof value === 'string' ? value : JSON.stringify(value))
  }
  return url.href
}

const detailMax = 2_000 // characters of a refusal's body: enough to read why

function refused(request: OutRequest, answer: OutAnswer): ActFailed {
  const said = answer.body.toString('utf8').slice(0, detailMax)
  const { pathname, host } = new URL(request.url)
  const detail = `${request.method} ${host}${pathname} answered ${answer.status}: ${said}`
  return new ActFailed(standardError('communication', detail, { status: answer.status }))
}

function present(request: OutRequest, answer: OutAnswer, output: HttpArguments['output']): Json {
  if (output === 'raw') return answer.body.toString('base64')
  const content = contentOf(answer)
  if (output === 'content') return content
  const { authorization: _, ...headers } = request.headers // credentials stay out of the journal
  return {
    request: { method: request.method, uri: request.url, headers },
    statusCode: answer.status,
    headers: answer.headers,
    content,
  }
}

/** JSON where the answer says so; else its text. */
export function contentOf({ headers, body }: OutAnswer): Json {
  const text = body.toString('utf8')
  const isJson = /[/+]json\b/i.test(headers['content-type'] ?? '')
  if (!isJson || text === '') return text === '' ? null : text
  try {
    return JSON.parse(text)
  } catch {
    throw new ActFailed(standardError('communication', 'the answer says JSON and is none'))
  }
}
