// Fault server
//
// An engine that goes wrong as told: the sixteen faults of failoverbench, in OpenAI's and Anthropic's dialect,
// streaming and not. Each case has a path of its own, `/CASE/primary` and `/CASE/fallback`, so that all run at once.

import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'

export type Dialect = 'openai' | 'anthropic'

export interface FaultCase {
  readonly scenario: string
  readonly dialect: Dialect
  readonly stream: boolean
  /** When the primary was asked and when the fallback, in milliseconds of `performance.now()`. */
  readonly asked: { readonly primary: number[]; readonly fallback: number[] }
  readonly startMs: number
  /** Set by the judge, to see whether a healthy call works after the fault. */
  isOver: boolean
}

/** The canonical answer: sixty tokens. */
export const tokens: readonly string[] = Array.from({ length: 60 }, (_, i) => `tok${i} `)
export const usage = { input: 12, output: tokens.length }

const neverMs = 120_000
const slowMs = 20_000
const stallMs = 30_000
const flappingMs = 6_000 // failoverbench's fast form of a minute's outage

export interface FaultServer {
  readonly url: string
  readonly add: (name: string, dialect: Dialect, stream: boolean) => FaultCase
  readonly stop: () => Promise<void>
}

export async function startFaultServer(): Promise<FaultServer> {
  const cases = new Map<string, FaultCase>()
  const server = createServer((request, response) => {
    const [, name = '', role = ''] = (request.url ?? '').split('/')
    const found = cases.get(name)
    if (found === undefined) return void response.writeHead(404).end()
    void answer(found, role, { request, response })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  const port = typeof address === 'object' && address !== null ? address.port : 0
  return {
    url: `http://127.0.0.1:${port}`,
    add: (name, dialect, stream) => {
      const scenario = name.slice(0, 3).toUpperCase()
      const asked = { primary: [], fallback: [] }
      const one = { scenario, dialect, stream, asked, startMs: performance.now(), isOver: false }
      cases.set(name, one)
      return one
    },
    stop: () => {
      server.closeAllConnections()
      return new Promise((resolve) => {
        server.close(() => resolve())
      })
    },
  }
}

interface Wire {
  readonly request: IncomingMessage
  readonly response: ServerResponse
}

async function answer(of: FaultCase, role: string, wire: Wire): Promise<void> {
  const chunks: Buffer[] = []
  for await (const chunk of wire.request) chunks.push(chunk)
  const body: { messages?: { role: string; content: string }[] } = JSON.parse(
    Buffer.concat(chunks).toString('utf8'),
  )
  const model = role === 'primary' ? 'fb-primary' : 'fb-ok'
  if (role === 'primary') {
    of.asked.primary.push(performance.now())
    if (isFaulty(of)) return fail(of, wire, model)
  } else of.asked.fallback.push(performance.now())
  const last = body.messages?.at(-1)
  if (last?.role !== 'assistant') return sendAll(of, wire, model, tokens)
  if (of.scenario === 'S14') return refusePrefill(of, wire)
  const sent = tokens.findIndex((_, i) => tokens.slice(0, i + 1).join('') === last.content)
  sendAll(of, wire, model, tokens.slice(sent + 1))
}

const onceOnly = new Set(['S01', 'S03', 'S05'])

function isFaulty({ scenario, asked, startMs, isOver }: FaultCase): boolean {
  if (isOver) return false
  if (scenario === 'S15') return performance.now() - startMs < flappingMs
  return !onceOnly.has(scenario) || asked.primary.length === 1
}

function fail(of: FaultCase, wire: Wire, model: string): void {
  const { response, request } = wire
  switch (of.scenario) {
    case 'S01':
      response.setHeader('retry-after', '2')
      return refuse(of, wire, { status: 429, code: 'rate_limit_exceeded', message: 'slow down' })
    case 'S02':
      return refuse(of, wire, { status: 429, code: 'rate_limit_exceeded', message: 'slow down' })
    case 'S03':
      return refuse(of, wire, { status: 500, code: 'server_error', message: 'oops' })
    case 'S05':
      return void request.socket.resetAndDestroy()
    case 'S06':
      return later(response, neverMs, () => response.destroy())
    case 'S07':
      begin(of, response)
      response.flushHeaders()
      return later(response, slowMs, () => finish(of, response, model, tokens))
    case 'S08':
    case 'S14':
      return sendPart(of, response, { model, count: 40, after: () => response.destroy() })
    case 'S09':
      return sendPart(of, response, {
        ...{ model, count: 20 },
        after: () => later(response, stallMs, () => response.destroy()),
      })
    case 'S10':
      return garble(of, response, model)
    case 'S11':
      begin(of, response)
      return finish(of, response, model, tokens)
    case 'S12':
      return refuse(of, wire, tooLong[of.dialect])
    case 'S13':
      return refuse(of, wire, filtered[of.dialect])
    default:
      return refuse(of, wire, { status: 503, code: 'unavailable', message: 'out of service' })
  }
}

const tooLong = {
  openai: {
    ...{ status: 400, code: 'context_length_exceeded' },
    message: "This model's maximum context length is 8192 tokens",
  },
  anthropic: {
    ...{ status: 400, code: 'invalid_request_error' },
    message: 'prompt is too long: 9000 tokens > 8192 maximum',
  },
}
const filtered = {
  openai: { status: 400, code: 'content_policy_violation', message: 'rejected by our policy' },
  anthropic: {
    ...{ status: 400, code: 'invalid_request_error' },
    message: 'Output blocked by content filtering policy',
  },
}

function refusePrefill(of: FaultCase, wire: Wire): void {
  const message = 'the last message must not be of the assistant (no prefill)'
  refuse(of, wire, { status: 400, code: 'invalid_request_error', message })
}

function refuse(
  { dialect }: FaultCase,
  { response }: Wire,
  { status, code, message }: { status: number; code: string; message: string },
): void {
  const body =
    dialect === 'openai'
      ? { error: { message, type: 'error', code, param: null } }
      : { type: 'error', error: { type: code, message } }
  response.writeHead(status, { 'content-type': 'application/json' })
  response.end(JSON.stringify(body))
}

function begin({ stream }: FaultCase, response: ServerResponse): void {
  response.writeHead(200, { 'content-type': stream ? 'text/event-stream' : 'application/json' })
}

function sendAll(of: FaultCase, wire: Wire, model: string, words: readonly string[]): void {
  begin(of, wire.response)
  finish(of, wire.response, model, words)
}

function finish(
  of: FaultCase,
  response: ServerResponse,
  model: string,
  words: readonly string[],
): void {
  if (!of.stream) return void response.end(wholeOf(of.dialect, model, words))
  const all = framesOf(of.dialect, model, words)
  const isUnmarked = of.scenario === 'S11' && model === 'fb-primary'
  response.end((isUnmarked ? all.slice(0, -1) : all).join(''))
}

function sendPart(
  of: FaultCase,
  response: ServerResponse,
  { model, count, after }: { model: string; count: number; after: () => void },
): void {
  if (of.stream) {
    begin(of, response)
    const all = framesOf(of.dialect, model, tokens)
    const head = all.length - tokens.length - tailFrames[of.dialect]
    return void response.write(all.slice(0, head + count).join(''), after)
  }
  const whole = wholeOf(of.dialect, model, tokens)
  const length = Buffer.byteLength(whole)
  response.writeHead(200, { 'content-type': 'application/json', 'content-length': length })
  response.write(whole.slice(0, Math.floor((length * count) / tokens.length)), after)
}

function garble(of: FaultCase, response: ServerResponse, model: string): void {
  begin(of, response)
  if (!of.stream) return void response.end(wholeOf(of.dialect, model, tokens).slice(0, 100))
  const all = framesOf(of.dialect, model, tokens)
  response.end(all.map((frame, i) => (i === 9 ? `${frame.slice(0, -20)}\n\n` : frame)).join(''))
}

const tailFrames = { openai: 3, anthropic: 3 }

/** The frames of a streamed answer; the end mark is the last one. */
export function framesOf(dialect: Dialect, model: string, words: readonly string[]): string[] {
  if (dialect === 'openai') {
    const chunk = (more: object) =>
      `data: ${JSON.stringify({
        ...{ id: 'chatcmpl-1', object: 'chat.completion.chunk', created: 1, model },
        ...more,
      })}\n\n`
    const part = (delta: object, finish_reason: string | null) =>
      chunk({ choices: [{ index: 0, delta, finish_reason }] })
    return [
      part({ role: 'assistant', content: '' }, null),
      ...words.map((content) => part({ content }, null)),
      part({}, 'stop'),
      chunk({ choices: [], usage: openaiUsage }),
      'data: [DONE]\n\n',
    ]
  }
  const event = (type: string, more: object) =>
    `event: ${type}\ndata: ${JSON.stringify({ type, ...more })}\n\n`
  const message = { ...anthropicMessage(model), content: [], stop_reason: null }
  return [
    event('message_start', { message }),
    event('content_block_start', { index: 0, content_block: { type: 'text', text: '' } }),
    ...words.map((text) =>
      event('content_block_delta', { index: 0, delta: { type: 'text_delta', text } }),
    ),
    event('content_block_stop', { index: 0 }),
    event('message_delta', {
      delta: { stop_reason: 'end_turn', stop_sequence: null },
      usage: { output_tokens: usage.output },
    }),
    event('message_stop', {}),
  ]
}

const openaiUsage = {
  prompt_tokens: usage.input,
  completion_tokens: usage.output,
  total_tokens: usage.input + usage.output,
}

function anthropicMessage(model: string) {
  return {
    ...{ id: 'msg_1', type: 'message', role: 'assistant', model, stop_sequence: null },
    usage: { input_tokens: usage.input, output_tokens: usage.output },
  }
}

function wholeOf(dialect: Dialect, model: string, words: readonly string[]): string {
  const content = words.join('')
  return JSON.stringify(
    dialect === 'openai'
      ? {
          ...{ id: 'chatcmpl-1', object: 'chat.completion', created: 1, model },
          choices: [{ index: 0, message: { role: 'assistant', content }, finish_reason: 'stop' }],
          usage: openaiUsage,
        }
      : {
          ...anthropicMessage(model),
          ...{ content: [{ type: 'text', text: content }], stop_reason: 'end_turn' },
        },
  )
}

function later(response: ServerResponse, ms: number, act: () => void): void {
  const timer = setTimeout(act, ms)
  response.once('close', () => clearTimeout(timer))
}
