// Call OpenAPI
//
// `call: openapi`: finds the operation in its document (OpenAPI 3 or Swagger 2, as JSON), puts each parameter where the
// document says, and calls it.

import type { Json } from '@tutti/core/resource'
import { standardError } from '@tutti/core/workflow'
import { z } from 'zod'
import { ActFailed } from './act.ts'
import { callHttp, contentOf } from './call-http.ts'
import type { Caller } from './caller.ts'

const openapiArguments = z.looseObject({
  document: z.looseObject({
    endpoint: z.union([z.string(), z.looseObject({ uri: z.string() })]),
  }),
  operationId: z.string(),
  parameters: z.record(z.string(), z.json()).default({}),
  authentication: z.json().optional(),
  output: z.enum(['raw', 'content', 'response']).default('content'),
  redirect: z.boolean().default(false),
})

const parameter = z.looseObject({ name: z.string(), in: z.string() })
const operation = z.looseObject({
  operationId: z.string().optional(),
  parameters: z.array(z.unknown()).optional(),
})
const apiDocument = z.looseObject({
  swagger: z.string().optional(),
  host: z.string().optional(),
  basePath: z.string().optional(),
  schemes: z.array(z.string()).optional(),
  servers: z.array(z.looseObject({ url: z.string() })).optional(),
  paths: z.record(z.string(), z.record(z.string(), z.unknown())),
})
type Value = z.infer<ReturnType<typeof z.json>>
type ApiDocument = z.infer<typeof apiDocument>

export async function callOpenapi(given: Json, caller: Caller): Promise<Json> {
  const parsed = openapiArguments.safeParse(given)
  if (!parsed.success) throw wrong(`the call is not complete: ${parsed.error.message}`)
  const args = parsed.data
  const { endpoint } = args.document
  const address = typeof endpoint === 'string' ? endpoint : endpoint.uri
  const document = await fetchDocument(address, caller)
  const found = findOperation(document, args.operationId)
  if (found === null) throw wrong(`${address} has no operation ${args.operationId}`)
  const { path, query, headers, body } = place(found, args.parameters)
  const { authentication } = args
  return await callHttp(
    {
      method: found.method,
      endpoint: {
        uri: `${serverOf(document, address)}${path}`,
        ...(authentication === undefined ? {} : { authentication }),
      },
      query,
      headers,
      ...(body === undefined ? {} : { body }),
      output: args.output,
      redirect: args.redirect,
    },
    caller,
  )
}

async function fetchDocument(url: string, caller: Caller): Promise<ApiDocument> {
  const { signal } = caller
  const headers = { accept: 'application/json' }
  const answer = await caller.egress({ method: 'GET', url, headers, body: null, signal })
  if (answer.status !== 200) throw wrong(`${url} answered ${answer.status}`)
  const json = { ...answer, headers: { 'content-type': 'application/json' } }
  const parsed = apiDocument.safeParse(contentOf(json))
  if (!parsed.success) throw wrong(`${url} is no OpenAPI document`)
  return parsed.data
}

interface Found {
  readonly method: string
  readonly path: string
  readonly parameters: readonly z.infer<typeof parameter>[]
}

function findOperation(document: ApiDocument, operationId: string): Found | null {
  for (const [path, methods] of Object.entries(document.paths)) {
    for (const [method, value] of Object.entries(methods)) {
      const parsed = operation.safeParse(value)
      if (!parsed.success || parsed.data.operationId !== operationId) continue
      const shared: unknown = methods['parameters']
      const all = [...(Array.isArray(shared) ? shared : []), ...(parsed.data.parameters ?? [])]
      const parameters = all.flatMap((one) => {
        const read = parameter.safeParse(one)
        return read.success ? [read.data] : []
      })
      return { method, path, parameters }
    }
  }
  return null
}

/** Where each argument goes; those that no parameter names are the body's members. */
function place(found: Found, args: Readonly<Record<string, Value>>) {
  let { path } = found
  const query: Record<string, Value> = {}
  const headers: Record<string, Value> = {}
  const rest: Record<string, Value> = {}
  let body: Value | undefined
  for (const [name, value] of Object.entries(args)) {
    const where = found.parameters.find((one) => one.name === name)?.in ?? 'rest'
    const text = typeof value === 'string' ? value : JSON.stringify(value)
    if (where === 'path') path = path.replace(`{${name}}`, encodeURIComponent(text))
    else if (where === 'query') query[name] = value
    else if (where === 'header') headers[name] = value
    else if (where === 'body') body = value
    else rest[name] = value
  }
  if (body === undefined && Object.keys(rest).length > 0) body = rest['body'] ?? rest
  return { path, query, headers, body }
}

function serverOf(document: ApiDocument, address: string): string {
  const base = new URL(address)
  if (document.swagger !== undefined) {
    const scheme = document.schemes?.includes('https') === false ? 'http' : 'https'
    return `${scheme}://${document.host ?? base.host}${document.basePath ?? ''}`.replace(/\/$/, '')
  }
  return new URL(document.servers?.[0]?.url ?? '/', base).href.replace(/\/$/, '')
}

function wrong(detail: string): ActFailed {
  return new ActFailed(standardError('configuration', detail))
}
