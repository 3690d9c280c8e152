// Call MCP
//
// `call: mcp`: one request to a server of the Model Context Protocol over streamable HTTP: a session is opened, used and
// ended. A server that is a process (`stdio`) would run here, in the control plane: it is refused.

import {
  Client,
  ProtocolError,
  SdkHttpError,
  StreamableHTTPClientTransport,
  SUPPORTED_PROTOCOL_VERSIONS,
} from '@modelcontextprotocol/client'
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
type Http = NonNullable<McpArguments['transport']['http']>

const timeoutMsDefault = 120_000 // as other calls: two minutes without an answer
const probeMsMax = 5_000 // of a server that may not know what it is asked
const pagesMax = 20 // of a list that the server gives in pages
const anyResult = z.looseObject({})

/** Of all others the server and the SDK find the newest that both know. */
const withoutHandshake = '2026-07-28'
const versions = [withoutHandshake, ...SUPPORTED_PROTOCOL_VERSIONS]

export async function callMcp(given: Json, caller: Caller): Promise<Json> {
  const parsed = mcpArguments.safeParse(given)
  if (!parsed.success) throw wrong(`the call is not complete: ${parsed.error.message}`)
  const args = parsed.data
  const { http } = args.transport
  if (http === undefined) {
    throw wrong(stdioRefused)
  }
  const { protocolVersion: version } = args
  if (version !== undefined && !versions.includes(version)) {
    throw wrong(`MCP ${version} is not spoken here: ${versions.join(', ')} are`)
  }
  const uri = typeof http.endpoint === 'string' ? http.endpoint : http.endpoint.uri
  if (!URL.canParse(uri)) throw wrong(`${uri} is no address`)
  try {
    const { client, transport } = await connect(new URL(uri), { http, args, caller })
    try {
      const result = await ask(client, args, caller)
      await transport.terminateSession()
      return result
    } finally {
      await client.close()
    }
  } catch (error) {
    throw failed(uri, error)
  }
}

interface Reached {
  readonly http: Http
  readonly args: McpArguments
  readonly caller: Caller
}

/** In the revision that is asked for; else in the newest that the server knows. */
async function connect(uri: URL, { http, args, caller }: Reached) {
  const reach = async (mode: 'auto' | 'legacy' | { readonly pin: string }) => {
    const transport = new StreamableHTTPClientTransport(uri, {
      fetch: fetchOver(http, caller),
      requestInit: { headers: { ...http.headers, 'idempotency-key': caller.idempotencyKey } },
    })
    const { timeout, signal } = limits(args, caller)
    const versionNegotiation = { mode, probe: { timeoutMs: Math.min(timeout, probeMsMax) } }
    const about = args.client ?? { name: 'tutti', version: '0.1.0' }
    const client = new Client(about, { versionNegotiation })
    await client.connect(transport, { timeout, signal })
    return { client, transport }
  }
  const { protocolVersion: version } = args
  if (version === withoutHandshake) return await reach({ pin: version })
  if (version !== undefined) return await reach('legacy')
  return await reach('auto').catch((error: unknown) => {
    const status = error instanceof SdkHttpError ? error.status : 0
    if (caller.signal.aborted || status === 401 || status === 403) throw error
    return reach('legacy') // many do worse than refuse what they do not know
  })
}

function limits({ timeout }: McpArguments, caller: Caller) {
  const timeoutMs = timeout === undefined ? timeoutMsDefault : durationMs(timeout)
  if (timeoutMs === null) throw wrong('the timeout is no duration')
  return { timeout: timeoutMs, signal: caller.signal }
}

// The SDK would also listen for what servers say by themselves: nobody here does.
/** The SDK's requests, on our way out. */
function fetchOver(http: Http, caller: Caller) {
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
    parseResult(
      method === 'tools/call' && typeof params['name'] === 'string'
        ? await client.callTool({ ...params, name: params['name'] }, limits(args, caller))
        : await client.request({ method, params }, anyResult, limits(args, caller)),
    )
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
  if (error instanceof ProtocolError) return new ActFailed(standardError('runtime', detail))
  const status = error instanceof SdkHttpError ? error.status : 0
  const more = status >= 400 && status < 600 ? { status } : {}
  return new ActFailed(standardError('communication', detail, more))
}

function wrong(detail: string): ActFailed {
  return new ActFailed(standardError('configuration', detail))
}
