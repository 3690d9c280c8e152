// Responses that are kept and gone on from, over HTTP and WebSocket, whatever dialect the engine speaks.

import { once } from 'node:events'
import { connect as dial, type Socket } from 'node:net'
import { routeSpec } from '@tutti/core/routing'
import { describe, expect, test } from 'vitest'
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

type Json = ReturnType<typeof JSON.parse>
const frame = (data: object) => `data: ${JSON.stringify(data)}\n\n`

/** An engine of the Responses dialect, or of OpenAI's chat, that counts the turns it is told. */
async function bed(of: { dialect?: 'openai' | 'openai-responses'; spec?: object } = {}) {
  const { dialect = 'openai-responses', spec = {} } = of
  const asked: Json[] = []
  const engine = { fails: false, waits: null as Promise<void> | null, notes: '[]' }
  const { url } = await serve(async (_request, response, body) => {
    const said = JSON.parse(body)
    asked.push(said)
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
  return { ...made, asked, engine }
}

async function send(
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

const nested = '['.repeat(50_000) + ']'.repeat(50_000)
const eventsOf = (text: string): Json[] =>
  [...text.matchAll(/^data: (\{.*)$/gm)].map(([, data]) => JSON.parse(data ?? ''))
const create = (bed: World, body: object, by = key) =>
  send(bed, 'POST', '', { by, body: { model: 'chat', input: 'hi', ...body } })

describe('stored responses', () => {
  test('one that asks for it is kept, read, gone on from and deleted', async () => {
    const world = await bed()
    const first = (await create(world, { store: true, instructions: 'be brief' })).body
    expect(first).toMatchObject({ store: true, previous_response_id: null, status: 'completed' })
    expect(first.id).toMatch(/^resp_tutti_/)
    expect(world.asked[0]).toMatchObject({ input: 'hi', store: false, model: 'm' })
    expect((await send(world, 'GET', `/${first.id}`)).body).toEqual(first)
    const next = (await create(world, { previous_response_id: first.id, store: true })).body
    expect(next).toMatchObject({ previous_response_id: first.id, store: true })
    expect(next.output[0].content[0].text).toBe('heard 3')
    expect(world.asked[1].previous_response_id).toBeUndefined()
    expect(world.asked[1].input).toEqual([
      { type: 'message', role: 'user', content: [{ type: 'input_text', text: 'hi' }] },
      expect.objectContaining({ type: 'message', role: 'assistant' }),
      { type: 'message', role: 'user', content: [{ type: 'input_text', text: 'hi' }] },
    ])
    const items = (await send(world, 'GET', `/${next.id}/input_items?order=asc&limit=2`)).body
    expect(items).toMatchObject({ object: 'list', has_more: true })
    expect(items.data).toHaveLength(2)
    const more = await send(
      world,
      'GET',
      `/${next.id}/input_items?order=asc&after=${items.last_id}`,
    )
    expect(more.body.data).toHaveLength(1)
    const gone = { id: first.id, object: 'response', deleted: true }
    expect((await send(world, 'DELETE', `/${first.id}`)).body).toEqual(gone)
    expect((await send(world, 'GET', `/${first.id}`)).status).toBe(404)
    // what went on from it stands for itself
    const last = await create(world, { previous_response_id: next.id })
    expect(last.body.output[0].content[0].text).toBe('heard 5')
    expect(last.body.store).toBe(false)
  })

  test.each(['openai', 'openai-responses'] as const)('of a stream of %s', async (dialect) => {
    const world = await bed({ dialect })
    const { body: events } = await create(world, { store: true, stream: true })
    const ids = new Set(events.flatMap(({ response }: Json) => response?.id ?? []))
    expect(ids.size).toBe(1)
    const { response } = events.at(-1)
    expect([events.at(-1).type, response.store]).toEqual(['response.completed', true])
    expect((await send(world, 'GET', `/${response.id}`)).body).toEqual(response)
    const next = await create(world, { previous_response_id: response.id, stream: true })
    expect(next.text).toContain('heard 3')
  })

  test('it is its project’s, and of keys that may call its route', async () => {
    const world = await bed()
    const { id } = (await create(world, { store: true })).body
    for (const by of ['far', 'narrow']) {
      expect((await send(world, 'GET', `/${id}`, { by })).status).toBe(404)
      expect((await send(world, 'DELETE', `/${id}`, { by })).status).toBe(404)
    }
    const by = await create(world, { previous_response_id: id }, 'far')
    expect(by.body.error).toMatchObject({ code: 'previous_response_not_found' })
    expect([by.status, (await send(world, 'GET', `/${id}`)).status]).toEqual([400, 200])
    const elsewhere = await create(world, { model: 'else', previous_response_id: id }, 'narrow')
    expect(elsewhere.body.error).toMatchObject({ code: 'previous_response_not_found' })
    const own = (await create(world, { model: 'else', store: true }, 'narrow')).body
    expect((await send(world, 'GET', `/${own.id}`, { by: 'narrow' })).status).toBe(200)
  })

  test('nobody asks for it: nothing is kept, nothing changes', async () => {
    const world = await bed()
    const { body } = await create(world, {})
    expect(body.id).toBe('resp_engine')
    expect(world.asked[0]).toEqual({ model: 'm', input: 'hi' })
    const foreign = await create(world, { previous_response_id: 'resp_theirs' })
    expect(foreign.status).toBe(200) // the Provider's own affair
    expect(world.asked[1].previous_response_id).toBe('resp_theirs')
    const kept = await create(world, { previous_response_id: 'resp_theirs', store: true })
    expect(kept.body.error).toMatchObject({ code: 'previous_response_not_found' })
    const held = await create(world, { conversation: 'conv_1', store: true })
    expect([held.status, held.body.error.param]).toEqual([400, 'conversation'])
    expect(world.asked).toHaveLength(2)
  })

  test('a Route may keep all, or none', async () => {
    const all = await bed({ spec: { responses: { store: 'always' } } })
    const { body } = await create(all, {})
    expect((await send(all, 'GET', `/${body.id}`)).status).toBe(200)
    expect((await create(all, { store: false })).body.id).toBe('resp_engine')
    const none = await bed({ spec: { responses: { store: 'never' } } })
    expect((await create(none, { store: true })).body.id).toBe('resp_engine')
    expect((await create(none, {})).body.id).toBe('resp_engine')
    expect(none.asked.map(({ store }: Json) => store)).toEqual([false, false]) // nor at the engine
  })

  test('what cannot be kept does not say that it is', async () => {
    const world = await bed()
    const { id } = (await create(world, { store: true })).body
    world.killPlane()
    const { status, body } = await create(world, { store: true })
    expect([status, body.store]).toEqual([200, false])
    expect(world.events.some(({ event }) => event === 'a response is not kept')).toBe(true)
    expect((await create(world, { previous_response_id: id })).status).toBe(503)
  })

  test('an answer that is nested too deep to be kept ends its request, and not the process', async () => {
    const world = await bed()
    world.engine.notes = nested
    const { status, body } = await create(world, { store: true })
    expect([status, body.error.code]).toEqual([502, 'malformed_answer'])
    await expect(create(world, { store: true, stream: true })).rejects.toThrow('terminated')
    expect((await create(world, { store: false })).status).toBe(200) // it goes on as it came
  })

  test('a failure is not kept', async () => {
    const world = await bed()
    world.engine.fails = true
    expect((await create(world, { store: true })).status).toBe(400)
  })

  test('nobody is asked for a caller who left while what it goes on from was looked for', async () => {
    const world = await bed()
    const { id } = (await create(world, { store: true })).body
    let found = () => {}
    let isLooking = () => {}
    const looked = new Promise<void>((resolve) => (isLooking = resolve))
    const load = world.responses.load.bind(world.responses)
    world.responses.load = async (of) => {
      isLooking()
      await new Promise<void>((resolve) => (found = resolve))
      return await load(of)
    }
    const leave = new AbortController()
    const left = fetch(`${world.gateway.url}/v1/responses`, {
      ...{ method: 'POST', headers: { authorization: `Bearer ${key}` }, signal: leave.signal },
      body: JSON.stringify({ model: 'chat', input: 'hi', previous_response_id: id }),
    }).catch(() => 'left')
    await looked
    leave.abort()
    expect(await left).toBe('left')
    for (let i = 0; i < 5; i++) await fetch(`${world.gateway.url}/healthz`) // it has heard of it
    found()
    await world.gateway.stop()
    expect(world.asked).toHaveLength(1)
  })

  test('unknown parameters and paths are refused', async () => {
    const world = await bed()
    const { id } = (await create(world, { store: true })).body
    expect((await send(world, 'GET', `/${id}?stream=true`)).status).toBe(400)
    for (const query of ['limit=0', 'limit=101', 'limit=x', 'order=up', 'after=in_else', 'x=1']) {
      const { status, body } = await send(world, 'GET', `/${id}/input_items?${query}`)
      expect([status, body.error.param]).toEqual([400, query.split('=')[0]])
    }
    expect((await send(world, 'GET', `/${id}/input_items?limit=100`)).status).toBe(200)
    expect((await send(world, 'POST', `/${id}/cancel`)).status).toBe(404)
    expect((await send(world, 'GET', '/resp_theirs')).status).toBe(404)
  })
})

/** A client that keeps all messages, in order. */
async function connect({ gateway }: World, by = key) {
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

describe('over a WebSocket', () => {
  test('turns go on from each other though nothing is stored', async () => {
    const world = await bed({ dialect: 'openai' })
    const client = await connect(world)
    client.send({ store: false })
    const { response: first } = await client.end(0)
    expect(first).toMatchObject({ store: false, status: 'completed' })
    client.send({ previous_response_id: first.id })
    const { response: second } = await client.end(1)
    expect(second.output[0].content[0].text).toBe('heard 3')
    expect(client.messages[0].type).toBe('response.created')
    expect((await create(world, { previous_response_id: first.id })).status).toBe(400) // elsewhere
    const sequence = client.messages.slice(0, 3).map((one) => one.sequence_number)
    expect(sequence).toEqual([0, 1, 2])
  })

  test('what is stored can be gone on from anywhere', async () => {
    const world = await bed()
    const client = await connect(world)
    client.send({ store: true })
    const { id } = (await client.end(0)).response
    expect((await create(world, { previous_response_id: id })).body.output[0].content[0].text).toBe(
      'heard 3',
    )
    const other = await connect(world)
    other.send({ previous_response_id: id })
    expect((await other.end(0)).response.output[0].content[0].text).toBe('heard 3')
  })

  test('streams run beside each other, and say who they are', async () => {
    const world = await bed()
    const client = await connect(world)
    let go = () => {}
    world.engine.waits = new Promise((resolve) => {
      go = resolve
    })
    for (const stream_id of ['a', 'b', 'a']) client.send({ stream_id })
    while (world.asked.length < 2) await new Promise((resolve) => setImmediate(resolve))
    expect(world.asked).toHaveLength(2) // the second turn of `a` waits for its first
    go()
    await client.end(2)
    const ends = client.messages.filter(({ type }) => type === 'response.completed')
    expect(ends.map(({ stream_id: name }) => name).sort()).toEqual(['a', 'a', 'b'])
    expect(client.messages.every(({ stream_id: name }) => name !== undefined)).toBe(true)
  })

  test('only so many turns wait, and only so many streams run (W2)', async () => {
    const world = await bed()
    const client = await connect(world)
    let go = () => {}
    world.engine.waits = new Promise((resolve) => {
      go = resolve
    })
    for (let i = 0; i < 18; i++) client.send({ stream_id: 'a' }) // one runs, sixteen wait
    expect(await client.end(0)).toMatchObject({
      ...{ type: 'error', status: 429, stream_id: 'a', error: { code: 'too_many_turns' } },
    })
    for (let i = 0; i < 16; i++) client.send({ stream_id: `b${i}` })
    expect((await client.end(1)).stream_id).toBe('b15')
    go()
    await client.end(2 + 17 + 15 - 1)
    const { length } = client.messages.filter(({ type }) => type === 'response.completed')
    expect(length).toBe(17 + 15)
  })

  test('a warm-up generates nothing, and can be gone on from', async () => {
    const world = await bed()
    const client = await connect(world)
    client.send({ generate: false, input: 'remember this' })
    const { response } = await client.end(0)
    expect([world.asked.length, response.output]).toEqual([0, []])
    client.send({ previous_response_id: response.id })
    expect((await client.end(1)).response.output[0].content[0].text).toBe('heard 2')
  })

  test('a warm-up is a request of its key: where it may call, and within its limits (W1)', async () => {
    const world = await bed()
    const client = await connect(world, 'slow')
    const warm = { generate: false, store: true }
    for (const model of ['nothing', 'chat', 'chat']) client.send({ ...warm, model })
    expect((await client.end(0)).error.code).toBe('model_not_found')
    expect((await client.end(1)).type).toBe('response.completed')
    expect((await client.end(2)).error.code).toBe('rate_limit_exceeded')
    const narrow = await connect(world, 'narrow')
    narrow.send(warm)
    expect((await narrow.end(0)).error.code).toBe('model_not_found')
  })

  test('a failed turn is an error message, and forgets what it went on from', async () => {
    const world = await bed()
    const client = await connect(world)
    client.send({})
    const { id } = (await client.end(0)).response
    world.engine.fails = true
    client.send({ previous_response_id: id })
    expect(await client.end(1)).toMatchObject({ type: 'error', status: 400 })
    world.engine.fails = false
    client.send({ previous_response_id: id })
    expect((await client.end(2)).error).toMatchObject({
      ...{ code: 'previous_response_not_found', param: 'previous_response_id' },
    })
    client.send({})
    expect((await client.end(3)).type).toBe('response.completed')
  })

  test.each<[string, string]>([
    ['{"type":"response.cancel"}', 'invalid_event'],
    ['{', 'invalid_event'],
    ['{"type":"response.create","model":"chat","input":"x","background":true}', 'invalid_event'],
    ['{"type":"response.create","model":"chat","input":"x","stream_id":"a b"}', 'invalid_event'],
    ['{"type":"response.create","model":"nothing","input":"x"}', 'model_not_found'],
    ['{"type":"response.create","input":"x"}', 'invalid_body'],
    [`{"type":"response.create","model":"chat","input":${nested}}`, 'invalid_body'],
  ])('%.200s is refused with %s, and the connection goes on', async (text, code) => {
    const world = await bed()
    const client = await connect(world)
    client.socket.send(text)
    expect(await client.end(0)).toMatchObject({ type: 'error', error: { code } })
    client.send({})
    expect((await client.end(1)).type).toBe('response.completed')
  })

  test('whoever goes on asking, and reads none of the answers, is let go (W2)', async () => {
    const world = await bed()
    const client = await connect(world)
    client.socket.pause()
    for (let i = 0; i < 200_000; i++) client.socket.send('{'.padEnd(125))
    await client.untilSent()
    client.socket.resume()
    expect(await client.closed()).toBe(1006)
    expect((await create(world, {})).status).toBe(200)
  })

  test('nobody comes in without a key, or from elsewhere', async () => {
    const world = await bed()
    await expect(connect(world, 'wrong')).rejects.toThrow('401')
    const url = `${world.gateway.url.replace('http', 'ws')}/v1/responses`
    const foreign = new WebSocket(url, { headers: { origin: 'https://evil.example' } })
    await expect(new Promise((_, reject) => foreign.once('error', reject))).rejects.toThrow('403')
  })

  test.each([
    ['resets his connection', (socket: Socket) => socket.resetAndDestroy()],
    ['goes on talking', (socket: Socket) => socket.write('and more')],
  ])('who is refused and %s ends nothing else, and is let go', async (_, act) => {
    const { gateway } = await bed()
    const socket = dial({ port: Number(new URL(gateway.url).port), host: '127.0.0.1' })
    const offer = 'connection: upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13'
    const key = 'sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ=='
    socket.write(`GET /v1/responses HTTP/1.1\r\nhost: localhost\r\n${offer}\r\n${key}\r\n\r\n`)
    const [said] = await once(socket, 'data')
    expect(String(said)).toContain('401')
    socket.on('error', () => {}) // it may be cut as it talks
    const closed = once(socket, 'close')
    act(socket)
    await closed
    expect((await fetch(`${gateway.url}/healthz`)).status).toBe(200)
  })

  test('a stopping gateway lets a turn end, and then the connection', async () => {
    const world = await bed()
    const client = await connect(world)
    const idle = await connect(world)
    let go = () => {}
    world.engine.waits = new Promise((resolve) => {
      go = resolve
    })
    client.send({})
    while (world.asked.length === 0) await new Promise((resolve) => setImmediate(resolve))
    const stopped = world.gateway.stop()
    expect(await idle.closed()).toBe(1001)
    go()
    expect((await client.end(0)).type).toBe('response.completed')
    expect(await client.closed()).toBe(1001)
    await stopped
  })
})
