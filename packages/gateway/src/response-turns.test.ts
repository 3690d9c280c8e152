// Turns of the Responses API over a WebSocket.

import { once } from 'node:events'
import { connect as dial, type Socket } from 'node:net'
import { describe, expect, test, vi } from 'vitest'
import { WebSocket } from 'ws'
import { cleanups, signed } from './gateway-world.fixture.ts'
import { bed, connect, create, nested } from './response-world.fixture.ts'

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

  test('what is said to steer an answer comes back, to be said in the next turn', async () => {
    const world = await bed()
    const client = await connect(world)
    let go = () => {}
    world.engine.waits = new Promise((resolve) => {
      go = resolve
    })
    client.send({})
    while (world.asked.length < 1) await new Promise((resolve) => setImmediate(resolve))
    const steer = { previous_response_id: 'resp_1', input: 'rather in French' }
    client.socket.send(JSON.stringify({ type: 'response.steer', ...steer }))
    const back = () => client.messages.find(({ type }) => type === 'response.steer.failed')
    const error = { type: 'invalid_request_error', code: 'steering_not_supported' }
    await expect.poll(back).toMatchObject({ steer, error, sequence_number: 0 })
    go()
    expect((await client.end(0)).type).toBe('response.completed')
    client.socket.send(`{"type":"response.steer","input":${nested}}`)
    expect(await client.end(1)).toMatchObject({ error: { code: 'invalid_event' } })
  })

  test('an answer that is nested too deep ends its turn with an error, and the connection goes on', async () => {
    const world = await bed()
    const client = await connect(world)
    world.engine.notes = nested
    client.send({ store: true, stream_id: 'a' })
    const { error, code, stream_id: name } = await client.end(0)
    expect([error?.code ?? code, name]).toEqual(['malformed_answer', 'a'])
    world.engine.notes = '[]'
    client.send({})
    expect((await client.end(1)).type).toBe('response.completed')
  })

  test('whoever goes on asking, and reads none of the answers, is let go (W2)', async () => {
    const world = await bed()
    const client = await connect(world)
    client.socket.pause()
    // Each is said back twice: few of them fill what the machine itself holds for who does not read.
    const long = { generate: false, instructions: 'x'.repeat(2 ** 20) }
    for (let i = 0; i < 40; i++) client.send({ ...long, stream_id: `s${i}` })
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

  test('whose key is no more is let go, once his turn is over (W3)', async () => {
    vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] })
    cleanups.push(() => vi.useRealTimers())
    const world = await bed()
    const [idle, busy] = [await connect(world), await connect(world)]
    const narrow = await connect(world, 'narrow')
    let go = () => {}
    world.engine.waits = new Promise((resolve) => {
      go = resolve
    })
    busy.send({})
    while (world.asked.length === 0) await new Promise((resolve) => setImmediate(resolve))
    const keys = world.snapshot.keys.filter(({ id }) => id !== 'app')
    world.push(signed({ ...world.snapshot, sequence: 2, keys }))
    await world.untilEvent('snapshot', 2)
    vi.advanceTimersByTime(30_000)
    expect(await idle.closed()).toBe(1008)
    expect(idle.messages).toMatchObject([{ type: 'error', error: { code: 'invalid_api_key' } }])
    go()
    const last = await busy.closed()
    const types = busy.messages.map(({ type }) => type)
    expect([last, types.includes('response.completed')]).toEqual([1008, true])
    narrow.send({ model: 'else' })
    expect((await narrow.end(0)).type).toBe('response.completed')
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
