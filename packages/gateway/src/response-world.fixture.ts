// A gateway whose engine counts the turns it is told, and who asks it for responses over HTTP and WebSocket.

import { routeSpec } from '@tutti/core/routing'
import { type RawData, WebSocket } from 'ws'
import {
  cleanups,
  digest,
  key,
  serve,
  signed,
  snapshotOf,
  type World,
  world,
} from './gateway-world.fixture.ts'

export type Json = ReturnType<typeof JSON.parse>
export const frame = (data: object) => `data: ${JSON.stringify(data)}\n\n`

/** An engine of the Responses dialect, or of OpenAI's chat, that counts the turns it is told. */
export async function bed(of: { dialect?: 'openai' | 'openai-responses'; spec?: object } = {}) {
  const { dialect = 'openai-responses', spec = {} } = of
  const asked: Json[] = []
  const texts: string[] = [] // the same, as they came
  const engine = { fails: false, waits: null as Promise<void> | null, notes: '[]' }
  const { url } = await serve(async (_request, response, body) => {
    const said = JSON.parse(body)
    asked.push(said)
    texts.push(String(body))
    await engine.waits
    if (engine.fails) return response.writeHead(400).end('{"error":{"message":"no"}}')
    const text = `heard ${(said.input ?? said.messages).length}`
    if (dialect === 'openai') {
      const choice = { index: 0, delta: { content: text }, finish_reason: 'stop' }
      response.writeHead(200, { 'content-type': 'text/event-stream' })
      return response.end(`${frame({ id: 'c', model: 'm', choices: [choice] })}data: [DONE]\n\n`)
    }
    const usage = { input_tokens: 3, output_tokens: 2 }
    const message = { type: 'message', id: 'msg_1', role: 'assistant', status: 'completed' }
    const output = [{ ...message, content: [{ type: 'output_text', text, annotations: [] }] }]
    const whole = { id: 'resp_engine', object: 'response', status: 'completed', model: 'm' }
    const done = { ...whole, output, usage, store: false }
    const noted = (body: string) =>
      body.replace('"annotations":[]', `"annotations":${engine.notes}`)
    if (said.stream !== true) return response.end(noted(JSON.stringify(done)))
    response.writeHead(200, { 'content-type': 'text/event-stream' })
    response.write(frame({ type: 'response.created', response: { ...done, output: [] } }))
    response.write(frame({ type: 'response.output_text.delta', delta: text }))
    response.end(noted(frame({ type: 'response.completed', response: done })))
  })
  const keys = [
    { id: 'app', hash: digest(key), project: 'default', owner: 'app' },
    { id: 'narrow', hash: digest('narrow'), project: 'default', owner: 'app', routes: ['else'] },
    { id: 'far', hash: digest('far'), project: 'far', owner: 'app' },
    {
      ...{ id: 'slow', hash: digest('slow'), project: 'default', owner: 'app' },
      limits: { requestsPerMinute: 1 },
    },
  ]
  const target = { targets: [{ provider: 'e', model: 'm' }], timeoutMs: 4_000, ...spec }
  const snapshot = snapshotOf({
    keys,
    routes: [
      ...['default', 'far'].map((project) => ({
        name: 'chat',
        project,
        ...routeSpec.parse(target),
      })),
      { name: 'else', project: 'default', ...routeSpec.parse(target) },
    ],
    providers: ['default', 'far'].map((project) => ({
      ...{ name: 'e', project, dialect, baseUrl: url, allowPrivateNetwork: true },
    })),
  })
  const made = await world(signed(snapshot))
  return { ...made, snapshot, asked, texts, engine }
}

export async function send(
  { gateway }: World,
  method: string,
  path: string,
  of: { body?: object; by?: string } = {},
) {
  const answer = await fetch(`${gateway.url}/v1/responses${path}`, {
    method,
    headers: { authorization: `Bearer ${of.by ?? key}` },
    ...(of.body === undefined ? {} : { body: JSON.stringify(of.body) }),
  })
  const text = await answer.text()
  const isEvents = text.startsWith('data: ') || text.startsWith('event: ')
  return { status: answer.status, text, body: isEvents ? eventsOf(text) : JSON.parse(text) }
}

export const nested = '['.repeat(50_000) + ']'.repeat(50_000)
export const eventsOf = (text: string): Json[] =>
  [...text.matchAll(/^data: (\{.*)$/gm)].map(([, data]) => JSON.parse(data ?? ''))
export const create = (bed: World, body: object, by = key) =>
  send(bed, 'POST', '', { by, body: { model: 'chat', input: 'hi', ...body } })

/** A client that keeps all messages, in order. */
export async function connect({ gateway }: World, by = key) {
  const socket = new WebSocket(`${gateway.url.replace('http', 'ws')}/v1/responses`, {
    headers: { authorization: `Bearer ${by}` },
  })
  const messages: Json[] = []
  const waiters = new Set<() => void>()
  const wake = () => {
    for (const waiter of waiters) waiter()
  }
  socket.on('message', (data: RawData) => {
    messages.push(JSON.parse(String(data)))
    wake()
  })
  let closed: number | null = null
  socket.on('close', (code) => {
    closed = code
    wake()
  })
  await new Promise((resolve, reject) => {
    socket.once('open', resolve)
    socket.once('error', reject)
  })
  cleanups.push(() => socket.terminate())
  const until = <T>(found: () => T | undefined) =>
    new Promise<T>((resolve) => {
      const check = () => {
        const one = found()
        if (one === undefined) return
        waiters.delete(check)
        resolve(one)
      }
      waiters.add(check)
      check()
    })
  const ends = () =>
    messages.filter(({ type }) => type === 'response.completed' || type === 'error')
  return {
    messages,
    send: (body: object) =>
      socket.send(JSON.stringify({ type: 'response.create', model: 'chat', input: 'hi', ...body })),
    socket,
    /** Or nobody takes it any more. */
    untilSent: () => new Promise<void>((resolve) => socket.send('{', () => resolve())),
    /** The nth end of a turn. */
    end: (nth: number) => until(() => ends()[nth]),
    closed: () => until(() => closed ?? undefined),
  }
}
