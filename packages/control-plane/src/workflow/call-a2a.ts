// Call A2A
//
// `call: a2a`: one request to an agent by JSON-RPC, as version 0.3 of the protocol has it, which is the one whose methods
// the specification names. Methods that stream give an array of what came.

import type { Json } from '@tutti/core/resource'
import { standardError } from '@tutti/core/workflow'
import { createParser } from 'eventsource-parser'
import { z } from 'zod'
import { ActFailed } from './act.ts'
import { authenticateCall } from './authenticate-call.ts'
import { contentOf } from './call-http.ts'
import type { Caller } from './caller.ts'
import type { OutAnswer } from './egress.ts'

const endpoint = z.union([
  z.string(),
  z.looseObject({ uri: z.string(), authentication: z.json().optional() }),
])
const record = z.record(z.string(), z.json())
const a2aArguments = z.looseObject({
  agentCard: z.looseObject({ endpoint }).optional(),
  server: endpoint.optional(),
  method: z.string(),
  parameters: record.default({}),
})
const card = z.looseObject({
  url: z.string(),
  preferredTransport: z.string().default('JSONRPC'),
  additionalInterfaces: z
    .array(z.looseObject({ url: z.string(), transport: z.string() }))
    .default([]),
})
const reply = z.union([
  z.looseObject({ error: z.looseObject({ code: z.number(), message: z.string() }) }),
  z.looseObject({ result: z.json() }),
])

interface Server {
  readonly url: string
  readonly policy: Json
}

export async function callA2a(given: Json, caller: Caller): Promise<Json> {
  const parsed = a2aArguments.safeParse(given)
  if (!parsed.success) throw wrong(`the call is not complete: ${parsed.error.message}`)
  const { server, agentCard, method, parameters } = parsed.data
  const at = server === undefined ? await readCard(agentCard?.endpoint, caller) : serverAt(server)
  const params = completed(method, parameters, caller)
  const body = { jsonrpc: '2.0', id: caller.idempotencyKey, method, params }
  const answer = await authenticateCall(
    {
      method: 'POST',
      url: at.url,
      headers: {
        'content-type': 'application/json',
        accept: 'application/json, text/event-stream',
        'idempotency-key': caller.idempotencyKey,
      },
      body: JSON.stringify(body),
      signal: caller.signal,
    },
    at.policy,
    caller,
  )
  if (answer.status !== 200) {
    const detail = `${new URL(at.url).host} answered ${answer.status}`
    throw new ActFailed(standardError('communication', detail, { status: answer.status }))
  }
  const isStream = answer.headers['content-type']?.startsWith('text/event-stream') === true
  return isStream ? eventsIn(answer).map(resultOf) : resultOf(contentOf(answer))
}

/** A message that is sent again after a crash is the same message. */
function completed(method: string, parameters: z.infer<typeof record>, caller: Caller): Json {
  const message = record.safeParse(parameters['message'])
  if (!method.startsWith('message/') || !message.success) return parameters
  const own = { kind: 'message', role: 'user', messageId: caller.idempotencyKey }
  return { ...parameters, message: { ...own, ...message.data } }
}

function serverAt(given: z.infer<typeof endpoint>): Server {
  const url = typeof given === 'string' ? given : given.uri
  if (!URL.canParse(url)) throw wrong(`${url} is no address`)
  return { url, policy: typeof given === 'string' ? null : (given.authentication ?? null) }
}

async function readCard(
  given: z.infer<typeof endpoint> | undefined,
  caller: Caller,
): Promise<Server> {
  if (given === undefined) throw wrong('expected `server` or `agentCard`')
  const { url, policy } = serverAt(given)
  const headers = { accept: 'application/json' }
  const request = { method: 'GET', url, headers, body: null, signal: caller.signal }
  const answer = await authenticateCall(request, policy, caller)
  const json = { ...answer, headers: { 'content-type': 'application/json' } }
  const parsed = card.safeParse(answer.status === 200 ? contentOf(json) : null)
  if (!parsed.success) throw wrong(`${url} gives no agent card: it answered ${answer.status}`)
  const { url: own, preferredTransport: transport, additionalInterfaces } = parsed.data
  const faces = [{ url: own, transport }, ...additionalInterfaces]
  const face = faces.find((one) => one.transport === 'JSONRPC')
  if (face === undefined) throw wrong(`the agent at ${url} speaks no JSONRPC`)
  return { ...serverAt(face.url), policy }
}

function eventsIn(answer: OutAnswer): readonly Json[] {
  const found: string[] = []
  const parser = createParser({ onEvent: ({ data }) => found.push(data) })
  parser.feed(answer.body.toString('utf8'))
  return found.map((data) => {
    const json = { 'content-type': 'application/json' }
    return contentOf({ status: 200, headers: json, body: Buffer.from(data) })
  })
}

function resultOf(said: Json): Json {
  const parsed = reply.safeParse(said)
  if (!parsed.success) {
    throw new ActFailed(standardError('communication', 'the agent gave no JSON-RPC answer'))
  }
  const { error, result } = parsed.data
  if (error === undefined) return z.json().parse(result)
  const { code, message } = z.looseObject({ code: z.number(), message: z.string() }).parse(error)
  throw new ActFailed(standardError('runtime', `the agent answered ${code}: ${message}`))
}

function wrong(detail: string): ActFailed {
  return new ActFailed(standardError('configuration', detail))
}
