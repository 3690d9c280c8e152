// What hostile or broken callers send is refused in words, bounded in memory, and nobody upstream hears of it.

import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { gzipSync } from 'node:zlib'
import fc from 'fast-check'
import { beforeEach, describe, expect, test } from 'vitest'
import {
  cleanups,
  key,
  serve,
  signed,
  toProvider,
  type World,
  world,
} from './gateway-world.fixture.ts'
import { Batch } from './wire/batch.ts'
import type { Incoming, Reply } from './wire/index.ts'
import { PlainConnection } from './wire/plain-connection.ts'

let calls = 0
let of: World

beforeEach(async () => {
  calls = 0
  const engine = await serve((_, response) => {
    calls += 1
    response.end('{}')
  })
  of = await world(signed(toProvider(`${engine.url}/v1`, true)))
})

async function post(
  body: string | Uint8Array<ArrayBuffer>,
  headers: object = {},
  path = '/v1/chat/completions',
) {
  const answer = await fetch(`${of.gateway.url}${path}`, {
    ...{ method: 'POST', headers: { authorization: `Bearer ${key}`, ...headers }, body },
  })
  return { status: answer.status, text: await answer.text() }
}

describe('bodies', () => {
  const cases: Record<string, Buffer | string> = {
    'no JSON': '{"model":',
    'no object': '[1]',
    null: 'null',
    'no model': '{}',
    'a model that is no name': '{"model":{"a":1}}',
    'a stream that is neither': '{"model":"chat","stream":"yes"}',
    'no UTF-8': Buffer.from([0x7b, 0x22, 0xff, 0xfe, 0x22, 0x3a, 0x31, 0x7d]),
    'a surrogate cut in two': Buffer.from('{"model":"chat\xed\xa0\x80"}', 'latin1'),
    nothing: '',
  }
  for (const [name, body] of Object.entries(cases)) {
    test(`${name} is a 400 that says what was expected`, async () => {
      const { status, text } = await post(typeof body === 'string' ? body : new Uint8Array(body))
      expect([status, calls]).toEqual([400, 0])
      expect(JSON.parse(text).error.message).toMatch(/expected/)
    })
  }

  test.each([
    '/v1beta/models/%ZZ:generateContent',
    '/v1beta/models/%F0%28:streamGenerateContent?alt=sse',
    '/v2/models/%ZZ/infer',
  ])('a name in broken escapes is one that nobody has: %s', async (path) => {
    const headers = { authorization: `Bearer ${key}` }
    const answer = await fetch(`${of.gateway.url}${path}`, { method: 'POST', headers, body: '{}' })
    expect([answer.status, calls]).toEqual([404, 0])
  })

  test('whatever the bytes, the answer is a refusal in the dialect', async () => {
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 64 }), async (bytes) => {
        const { status, text } = await post(new Uint8Array(bytes))
        expect([400, 404]).toContain(status)
        expect(JSON.parse(text).error.message).toEqual(expect.any(String))
      }),
      { numRuns: 60 },
    )
    expect(calls).toBe(0)
  })

  test('one that is packed is refused, and how to send it is said', async () => {
    const packed = gzipSync('{"model":"chat","messages":[]}')
    const { status, text } = await post(packed, { 'content-encoding': 'gzip' })
    expect([status, JSON.parse(text).error.code]).toEqual([415, 'unsupported_encoding'])
    const said = 'content-encoding gzip is not taken: send the body as it is'
    expect(text).toContain(said)
    const tensors = await post(packed, { 'content-encoding': 'gzip' }, '/v2/models/chat/infer')
    expect([tensors.status, JSON.parse(tensors.text)]).toEqual([415, { error: said }])
    expect(calls).toBe(0)
  })

  test('one that is nested deeper than calls may be is refused in words, in every dialect', async () => {
    const deep = '['.repeat(50_000) + ']'.repeat(50_000)
    const tool = `{"name":"x","input_schema":{"a":${deep}}}`
    const said = '"messages":[{"role":"user","content":"x"}]'
    for (const [path, body] of [
      ['/v1/messages', `{"model":"chat","max_tokens":5,${said},"tools":[${tool}]}`],
      ['/v1beta/models/chat:generateContent', `{"contents":${deep}}`],
    ] as const) {
      const { status, text } = await post(body, {}, path)
      expect([status, text]).toEqual([400, expect.stringContaining('nested too deep')])
    }
    expect(calls).toBe(0)
  })

  test('one of 100 MB is refused before it is read, whether or not its length is said', async () => {
    const socket = await dialled()
    const head = `POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer ${key}\r\n`
    socket.write(`${head}Content-Length: ${100 * 2 ** 20}\r\n\r\n{`)
    expect(await answerOn(socket)).toMatch(/^HTTP\/1.1 413 /)
    const endless = await dialled()
    endless.write(`${head}Transfer-Encoding: chunked\r\n\r\n`)
    const part = Buffer.alloc(2 ** 20, 'a')
    const chunk = Buffer.concat([
      Buffer.from(`${part.length.toString(16)}\r\n`),
      part,
      Buffer.from('\r\n'),
    ])
    const answered = answerOn(endless)
    let isAnswered = false
    void answered.then(() => {
      isAnswered = true
    })
    for (let i = 0; i < 200 && !isAnswered; i++) {
      if (endless.destroyed) break
      if (!endless.write(chunk)) await Promise.race([once(endless, 'drain'), answered])
    }
    expect(await answered).toMatch(/^HTTP\/1.1 413 /)
    expect(calls).toBe(0)
  })
})

async function dialled(): Promise<Socket> {
  const socket = connect(Number(new URL(of.gateway.url).port), '127.0.0.1')
  socket.on('error', () => {}) // a cut is an answer too
  cleanups.push(() => socket.destroy())
  await once(socket, 'connect')
  return socket
}

function answerOn(socket: Socket): Promise<string> {
  return new Promise((resolve) => {
    let text = ''
    socket.on('data', (bytes) => {
      text += bytes.toString('latin1')
      if (text.includes('\r\n\r\n')) resolve(text)
    })
    socket.on('close', () => resolve(text))
  })
}

describe('callers who do not get on', () => {
  /** A connection whose clock the test holds. */
  async function slow(onRequest: (incoming: Incoming, reply: Reply) => void = () => {}) {
    let nowMs = 0
    const batch = new Batch()
    const accepted = new Promise<{ connection: PlainConnection; own: Socket }>((resolve) => {
      void serve(() => {}).then(({ server, url }) => {
        server.removeAllListeners('connection')
        server.on('connection', (socket: Socket) => {
          const mayCome = () => true
          const ports = { batch, mayCome, nowMs: () => nowMs, isDraining: () => false }
          const none = () => {}
          const connection = new PlainConnection(socket, {
            ...{ ...ports, onRequest, handOver: none, onAnswered: none },
          })
          resolve({ connection, own: socket })
        })
        const socket = connect(Number(new URL(url).port), '127.0.0.1')
        socket.on('error', () => {})
        cleanups.push(() => socket.destroy())
        caller(socket)
      })
    })
    let caller: (socket: Socket) => void = () => {}
    const socket = await new Promise<Socket>((resolve) => {
      caller = resolve
    })
    const { connection, own } = await accepted
    const at = (ms: number) => {
      nowMs = ms
      connection.check(ms)
    }
    const hasRead = async () => {
      while (own.bytesRead === 0) await new Promise(setImmediate)
      await new Promise(setImmediate) // its turn in the batch
    }
    return { socket, own, at, hasRead }
  }

  test('a body that drips in is given up after a minute', async () => {
    const { socket, at, hasRead } = await slow()
    const answered = answerOn(socket)
    socket.write('POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\na')
    await hasRead()
    at(59_000)
    at(61_000)
    expect(await answered).toMatch(/^HTTP\/1.1 408 /)
  })

  const request = 'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\na'
  const long = Buffer.alloc(32 * 2 ** 20) // more than two sockets hold between them

  test('an answer that nobody reads is held for a minute and ten seconds (W8)', async () => {
    const { socket, own, at, hasRead } = await slow((_, reply) => reply.send(200, long))
    socket.pause().write(request)
    await hasRead()
    const closed = once(own, 'close')
    for (let ms = 61_000; ms <= 71_000; ms += 1_000) at(ms) // its end is asked for once
    expect([own.destroyed, own.listenerCount('finish')]).toEqual([false, 1])
    at(72_000)
    await closed
  })

  test('a request behind an answer that nobody reads waits a minute, and no longer (W8)', async () => {
    let asked = 0
    const { socket, own, at, hasRead } = await slow((_, reply) => {
      asked += 1
      reply.send(200, long)
    })
    socket.pause().write(`${request}${request}`)
    await hasRead()
    const closed = once(own, 'close')
    at(59_000)
    expect([asked, own.destroyed]).toEqual([1, false])
    at(61_000)
    await closed
  })

  test('and is answered once the answer before has been read', async () => {
    let asked = 0
    const { socket } = await slow((_, reply) => {
      asked += 1
      reply.send(200, asked === 1 ? long : Buffer.from('second'))
    })
    let bytes = 0
    const done = new Promise<void>((resolve) => {
      socket.on('data', (chunk) => {
        bytes += chunk.length
        if (chunk.toString('latin1').endsWith('second')) resolve()
      })
    })
    socket.write(`${request}${request}`)
    await done
    expect(bytes).toBeGreaterThan(long.length)
  })

  test('a connection that asks nothing is ended after a minute, not before', async () => {
    const { socket, at } = await slow()
    let isClosed = false
    const closed = once(socket.resume(), 'close').then(() => {
      isClosed = true
    })
    at(59_000)
    await new Promise(setImmediate)
    expect(isClosed).toBe(false)
    at(61_000)
    await closed
  })
})
