// Call MCP
//
// `call: mcp`: one request to a server of the Model Context Protocol over streamable HTTP: a session is opened, used and
// ended. A server that is a process (`stdio`) would run here, in the control plane: it is refused.

import { Client } from '@modelcontextprotocol/sdk/client/index.js'
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js'
import {
  McpError,
  ResultSchema,
  SUPPORTED_PROTOCOL_VERSIONS,
} from '@modelcontextprotocol/sdk/types.js'
import type { Json } from '@tutti/core/resource'
import { durationMs, standardError, stdioRefused } from '@tutti/core/workflow'
import { z } from 'zod'
import { ActFailed } from './act.ts'
import { authenticateCall } from './authenticate-call.ts'
import type { Caller } from './caller.ts'

const record = z.record(z.string(), z.json())
const mcpArguments = z.looseObject({
  protocolVersion: z.string().optional(),
  method: z.string(),
  parameters: record.default({}),
  timeout: z.json().optional(),
  transport: z.looseObject({
    http: z
      .looseObject({
        endpoint: z.union([
          z.string(),
          z.looseObject({ uri: z.string(), authentication: z.json().optional() }),
        ]),
        headers: z.record(z.string(), z.string()).default({}),
      })
      .optional(),
  }),
  client: z.looseObject({ name: z.string(), version: z.string() }).optional(),
})
type McpArguments = z.infer<typeof mcpArguments>

const timeoutMsDefault = 120_000 // as other calls: two minutes without an answer
const pagesMax = 20 // of a list that the server gives in pages

export async function callMcp(given: Json, caller: Caller): Promise<Json> {
  const parsed = mcpArguments.safeParse(given)
  if (!parsed.success) throw wrong(`the call is not complete: ${parsed.error.message}`)
  const args = parsed.data
  const { http } = args.transport
  if (http === undefined) {
    throw wrong(stdioRefused)
  }
  const { protocolVersion: version } = args
  if (version !== undefined && !SUPPORTED_PROTOCOL_VERSIONS.includes(version)) {
    throw wrong(`MCP ${version} is not spoken here: ${SUPPORTED_PROTOCOL_VERSIONS.join(', ')} are`)
  }
  const uri = typeof http.endpoint === 'string' ? http.endpoint : http.endpoint.uri
  if (!URL.canParse(uri)) throw wrong(`${uri} is no address`)
  const transport = new StreamableHTTPClientTransport(new URL(uri), {
    fetch: fetchOver(http, caller),
    requestInit: { headers: { ...http.headers, 'idempotency-key': caller.idempotencyKey } },
  })
  const client = new Client(args.client ?? { name: 'tutti', version: '0.1.0' })
  try {
    // The SDK declares a session's id in a way that strict optional members do not take.
    await client.connect(transport as Parameters<Client['connect']>[0], limits(args, caller))
    const result = await ask(client, args, caller)
    await transport.terminateSession()
    return result
  } catch (error) {
    throw failed(uri, error)
  } finally {
    await client.close()
  }
}

function limits({ timeout }: McpArguments, caller: Caller) {
  const timeoutMs = timeout === undefined ? timeoutMsDefault : durationMs(timeout)
  if (timeoutMs === null) throw wrong('the timeout is no duration')
  return { timeout: timeoutMs, signal: caller.signal }
}

// The SDK would also listen for what servers say by themselves: nobody here does.
/** The SDK's requests, on our way out. */
function fetchOver(http: NonNullable<McpArguments['transport']['http']>, caller: Caller) {
  const policy = typeof http.endpoint === 'string' ? null : (http.endpoint.authentication ?? null)
  return async (url: string | URL, init: RequestInit = {}): Promise<Response> => {
    const { method = 'GET', body = null, signal } = init
    if (method === 'GET') return new Response(null, { status: 405 })
    const request = {
      ...{ method, url: String(url), headers: Object.fromEntries(new Headers(init.headers)) },
      body: body === null ? null : String(body),
      signal: signal == null ? caller.signal : AbortSignal.any([caller.signal, signal]),
    }
    const answer = await authenticateCall(request, policy, caller)
    const isEmpty = [202, 204, 205, 304].includes(answer.status)
    const { headers, status } = answer
    return new Response(isEmpty ? null : new Uint8Array(answer.body), { status, headers })
  }
}

async function ask(client: Client, args: McpArguments, caller: Caller): Promise<Json> {
  const { method, parameters } = args
  const request = async (params: McpArguments['parameters']) =>
    parseResult(await client.request({ method, params }, ResultSchema, limits(args, caller)))
  let result = await request(parameters)
  if (result['isError'] === true) {
    throw new ActFailed(standardError('runtime', `the tool failed: ${textOf(result)}`))
  }
  const [list] = Object.entries(result).filter(([, value]) => Array.isArray(value))
  if (!method.endsWith('/list') || list === undefined || 'cursor' in parameters) return result
  const items: Json[] = [list[1]].flat()
  for (let page = 1; typeof result['nextCursor'] === 'string' && page < pagesMax; page++) {
    result = await request({ ...parameters, cursor: result['nextCursor'] })
    items.push(...[result[list[0]] ?? []].flat())
  }
  return { [list[0]]: items }
}

function parseResult(result: unknown): { readonly [name: string]: Json } {
  const parsed = record.safeParse(result)
  if (parsed.success) return parsed.data
  throw new ActFailed(standardError('communication', 'the MCP server gave no object'))
}

function textOf(result: { readonly [name: string]: Json }): string {
  const parts = z.array(z.looseObject({ text: z.string().optional() })).safeParse(result['content'])
  return (parts.data ?? []).flatMap(({ text }) => text ?? []).join('\n')
}

function failed(uri: string, error: unknown): ActFailed {
  if (error instanceof ActFailed) return error
  const said = error instanceof Error ? error.message : String(error)
  const detail = `${new URL(uri).host} over MCP: ${said}`
  if (error instanceof McpError) return new ActFailed(standardError('runtime', detail))
  const status = error instanceof Error && 'code' in error ? Number(error.code) : Number.NaN
  const more = status >= 400 && status < 600 ? { status } : {}
  return new ActFailed(standardError('communication', detail, more))
}

function wrong(detail: string): ActFailed {
  return new ActFailed(standardError('configuration', detail))
}
