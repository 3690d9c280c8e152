// Plain requests and all others get the same answers, on one connection in any order, and nobody gets two requests
// out of one.

import { once } from 'node:events'
import { createServer } from 'node:http'
import { type AddressInfo, connect, type Socket } from 'node:net'
import fc from 'fast-check'
import { afterEach, describe, expect, test } from 'vitest'
import { Batch } from './batch.ts'
import { Front } from './front.ts'
import { headWithoutOffer } from './head-again.ts'
import { parsePlainHead } from './plain-head.ts'
import type { Incoming, Reply } from './reply.ts'

const cleanups: (() => unknown)[] = []
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup()
})

async function start(
  onRequest: (incoming: Incoming, reply: Reply) => unknown,
  mayCome = () => true,
) {
  const answer = (incoming: Incoming, reply: Reply) => void onRequest(incoming, reply)
  const front = new Front(new Batch(), answer, mayCome)
  front.server.listen(0, '127.0.0.1')
  await once(front.server, 'listening')
  cleanups.push(() => {
    front.stop()
    return new Promise((resolve) => front.server.close(resolve))
  })
  const address = front.server.address()
  return { front, port: (address as AddressInfo).port }
}

/** Says back what it got. */
async function echo(incoming: Incoming, reply: Reply): Promise<void> {
  const body = await incoming.body()
  if (typeof body === 'string') return reply.destroy()
  reply.header('x-url', incoming.url)
  reply.send(200, Buffer.from(`[${incoming.method} ${body.toString('utf8')}]`))
}

function dial(port: number): Socket {
  const socket = connect(port, '127.0.0.1')
  socket.on('error', () => {}) // a cut is what some of these tests are about
  cleanups.push(() => socket.destroy())
  return socket
}

/** All that comes until `done` says so, or the connection ends. */
function heard(socket: Socket, done: (text: string) => boolean): Promise<string> {
  return new Promise((resolve) => {
    let text = ''
    socket.on('data', (bytes) => {
      text += bytes.toString('latin1')
      if (done(text)) resolve(text)
    })
    socket.on('close', () => resolve(text))
  })
}

const answersIn = (text: string) =>
  [...text.matchAll(/\[(?:GET|POST) [^\]]*\]/g)].map(([one]) => one)
const post = (body: string, more = '') =>
  `POST /v1/x HTTP/1.1\r\nHost: a\r\n${more}Content-Length: ${body.length}\r\n\r\n${body}`
const chunked = (body: string) =>
  `POST /v1/x HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n${body.length.toString(16)}\r\n${body}\r\n0\r\n\r\n`

test('plain and other requests come after one another on a connection, however they are cut', async () => {
  const { port } = await start(echo)
  const kinds = [
    post('one'),
    chunked('two'),
    'GET /v1/models HTTP/1.1\r\nHost: a\r\n\r\n',
    post(''),
  ]
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.constantFrom(0, 0, 0, 1, 2, 3), { minLength: 1, maxLength: 6 }),
      fc.array(fc.nat(500), { maxLength: 4 }),
      async (picked, cuts) => {
        const text = picked.map((i) => kinds[i] ?? '').join('')
        const wanted = picked.map((i) => ['[POST one]', '[POST two]', '[GET ]', '[POST ]'][i])
        const socket = dial(port)
        const all = heard(socket, (got) => answersIn(got).length >= wanted.length)
        const places = [...new Set([...cuts.map((cut) => cut % text.length), text.length])].sort(
          (a, b) => a - b,
        )
        let from = 0
        for (const end of places) {
          await new Promise((resolve) => socket.write(text.slice(from, end), resolve))
          await new Promise(setImmediate) // so that the parts are read as parts
          from = end
        }
        expect(answersIn(await all)).toEqual(wanted)
        socket.destroy()
      },
    ),
    { numRuns: 60 },
  )
})

test('a status is said alike by both ways that an answer goes', async () => {
  const { port } = await start((_, reply) => reply.send(504, Buffer.alloc(0)))
  for (const request of [post('one'), chunked('two')]) {
    const socket = dial(port)
    const all = heard(socket, (got) => got.includes('\r\n\r\n'))
    socket.write(request)
    expect((await all).split('\r\n')[0]).toBe('HTTP/1.1 504 Gateway Timeout')
  }
})

test('a head is plain only if node:http reads the same from it (W1)', async () => {
  const seen: { method: string; url: string; headers: unknown; body: string }[] = []
  const server = createServer((request, response) => {
    let body = ''
    request.on('data', (chunk: Buffer) => {
      body += chunk.toString('latin1')
    })
    request.on('end', () => {
      seen.push({
        method: request.method ?? '',
        url: request.url ?? '',
        headers: request.headers,
        body,
      })
      response.end('ok')
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  cleanups.push(() => {
    server.closeAllConnections()
    return new Promise((resolve) => server.close(resolve))
  })
  const { port } = server.address() as AddressInfo
  const noise = fc.constantFrom(
    '',
    ' ',
    '\t',
    '\r',
    '\n',
    '\0',
    ':',
    ',',
    ';',
    '\x7f',
    'é',
    '\r\n',
    '0',
    'x',
  )
  const name = fc.constantFrom(
    'Host',
    'content-length',
    'Content-Length',
    'Transfer-Encoding',
    'Connection',
    'x-a',
    'Expect',
    'Cookie',
    '__proto__',
    'constructor',
  )
  const value = fc.constantFrom(
    'a',
    '3',
    '03',
    '+3',
    '3, 3',
    'chunked',
    'close',
    'keep-alive',
    '',
    'a b',
    '100-continue',
  )
  const line = fc
    .tuple(name, noise, noise, value, noise)
    .map(([n, a, b, v, c]) => `${n}${a}:${b}${v}${c}\r\n`)
  const first = fc
    .tuple(
      fc.constantFrom('POST', 'PO ST', 'post', 'GET'),
      fc.constantFrom('/v1/x', '/', '//a', '/a b', '/é', '*', 'http://b/c', '/a#b', '/%00'),
      fc.constantFrom('HTTP/1.1', 'HTTP/1.0', 'HTTP/1.2', 'HTTP/2.0', 'http/1.1'),
    )
    .map((parts) => `${parts.join(' ')}\r\n`)
  const clean = fc.constantFrom(
    'Host: a\r\n',
    'content-length: 3\r\n',
    'X-B:c\r\n',
    'constructor: d\r\n',
  )
  await fc.assert(
    fc.asyncProperty(
      fc.oneof(fc.constant('POST /v1/x?a=b HTTP/1.1\r\n'), first),
      fc.array(fc.oneof({ weight: 3, arbitrary: clean }, { weight: 1, arbitrary: line }), {
        minLength: 1,
        maxLength: 5,
      }),
      async (start, lines) => {
        const bytes = Buffer.from(`${start}${lines.join('')}\r\nabc`, 'latin1')
        const head = parsePlainHead(bytes)
        if (head === null) return
        const socket = dial(port)
        const before = seen.length
        socket.write(bytes)
        await heard(socket, (text) => text.includes('\r\n\r\n'))
        socket.destroy()
        const { url, headers, contentLength } = head
        const body = bytes.subarray(head.bytes, head.bytes + contentLength).toString('latin1')
        expect(seen[before]).toEqual({ method: 'POST', url, headers, body })
      },
    ),
    { numRuns: 400 },
  )
})

describe('nobody gets two requests out of one', () => {
  const smuggled = 'GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n'
  const attacks: Record<string, string> = {
    'a length and a coding': `POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n${smuggled}`,
    'two lengths': `POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\nContent-Length: ${smuggled.length}\r\n\r\n${smuggled}`,
    'a list of lengths': `POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0, 0\r\n\r\n${smuggled}`,
    'a space before the colon': `POST / HTTP/1.1\r\nHost: a\r\nContent-Length : 3\r\n\r\n${smuggled}`,
    'a folded coding': `POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding:\r\n chunked\r\n\r\n0\r\n\r\n${smuggled}`,
    'a coding with a tab': `POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding:\tx chunked\r\n\r\n0\r\n\r\n${smuggled}`,
    'a line end without CR': `POST / HTTP/1.1\nHost: a\nContent-Length: 0\n\n${smuggled}`,
    'a CR alone': `POST / HTTP/1.1\r\nHost: a\rContent-Length: 3\r\nContent-Length: 0\r\n\r\n${smuggled}`,
    'a NUL in a header': `POST / HTTP/1.1\r\nHost: a\r\nX: \0\r\nContent-Length: 0\r\n\r\n${smuggled}`,
  }
  for (const [name, text] of Object.entries(attacks)) {
    test(name, async () => {
      const urls: string[] = []
      const { port } = await start(async (incoming, reply) => {
        urls.push(incoming.url)
        await echo(incoming, reply)
      })
      const socket = dial(port)
      socket.write(text)
      const got = await heard(socket, () => false) // node:http refuses and closes
      expect(got).toMatch(/^HTTP\/1.1 400 /)
      expect(urls).not.toContain('/smuggled')
    })
  }

  test('a header of an answer cannot begin another (W3)', async () => {
    const { port } = await start((_, reply) => {
      expect(() => reply.header('x', 'a\r\nset-cookie: b')).toThrow()
      reply.send(200, Buffer.from('[GET ]'))
    })
    const socket = dial(port)
    socket.write(post('a'))
    expect(await heard(socket, (text) => text.includes(']'))).not.toContain('set-cookie')
  })
})

test('a caller who leaves is noticed, before the body is whole and after', async () => {
  let left = () => {}
  const gone = new Promise<void>((resolve) => {
    left = resolve
  })
  let asked = () => {}
  const isAsked = new Promise<void>((resolve) => {
    asked = resolve
  })
  const { front, port } = await start((_, reply) => {
    reply.onGone(left)
    asked()
  })
  const early = dial(port)
  early.write(post('abc').slice(0, -1))
  early.end()
  await once(early, 'close')
  const socket = dial(port)
  socket.write(post('abc'))
  await isAsked
  expect(front.inflight).toBe(1)
  socket.destroy()
  await gone
  expect(front.inflight).toBe(0)
})

test('a caller who reads slowly holds the writer back', async () => {
  const part = Buffer.alloc(64 * 1024, 'a')
  let written = 0
  let held = () => {}
  const isHeld = new Promise<void>((resolve) => {
    held = resolve
  })
  const { port } = await start(async (_, reply) => {
    reply.begin(200)
    while (reply.write(part)) written += 1
    held()
    if (!(await reply.drained())) return
    reply.end()
  })
  const socket = dial(port)
  socket.pause()
  socket.write(post('a'))
  await isHeld
  expect(written).toBeLessThan(1_000) // what the two sockets hold, and no more
  const all = heard(socket, (text) => text.endsWith('0\r\n\r\n'))
  socket.resume()
  expect((await all).length).toBeGreaterThan(written * part.length)
})

test('a stream that is cut does not look finished', async () => {
  const { port } = await start(async (_, reply) => {
    reply.begin(200)
    reply.write('one')
    reply.write('')
    await reply.cutAfter('two')
  })
  const socket = dial(port)
  socket.write(post('a'))
  const got = await heard(socket, () => false)
  expect(got).toContain('3\r\none\r\n3\r\ntwo\r\n')
  expect(got).not.toMatch(/\r\n0\r\n/)
})

test('draining ends idle connections at once and others with their answer', async () => {
  let reply: Reply | null = null
  let asked = () => {}
  const isAsked = new Promise<void>((resolve) => {
    asked = resolve
  })
  const { front, port } = await start((_, given) => {
    reply = given
    asked()
  })
  const idle = dial(port)
  const busy = dial(port)
  busy.write(post('a'))
  await Promise.all([once(idle, 'connect'), isAsked])
  const got = heard(busy, () => false)
  idle.resume()
  const idleGone = once(idle, 'close')
  front.drain()
  await idleGone
  ;(reply as Reply | null)?.send(200, Buffer.from('last'))
  expect(await got).toMatch(/connection: close\r\n[\s\S]*last$/)
})

test('an answer that is given in the moment of draining goes out before its connection ends (W6)', async () => {
  const { front, port } = await start((_, reply) => {
    front.drain()
    reply.send(200, Buffer.from('last'))
  })
  const socket = dial(port)
  socket.write(post('a'))
  expect(await heard(socket, () => false)).toMatch(/connection: close\r\n[\s\S]*last$/)
})

test.each([
  [131_073, 'no'],
  [131_072, 'late'],
])('a body of %d bytes of whoever is not let in: %s', async (length, told) => {
  const refuse = async (incoming: Incoming, reply: Reply) => {
    const body = length > 131_072 ? null : await incoming.body() // a short one comes first
    reply.send(401, Buffer.from(body === null ? 'no' : 'late'))
  }
  const { port } = await start(refuse, () => false)
  const socket = dial(port)
  socket.write(`POST /v1 HTTP/1.1\r\nHost: a\r\nContent-Length: ${length}\r\n\r\n`)
  if (told === 'late') socket.write('x'.repeat(length))
  expect(await heard(socket, (text) => text.endsWith(told))).toMatch(/^HTTP\/1.1 401 /)
})

test('a whole URL is its path', async () => {
  const { port } = await start(echo)
  const socket = dial(port)
  socket.write('GET http://localhost:1/v1/models?a=b HTTP/1.1\r\nHost: a\r\n\r\n')
  expect(await heard(socket, (text) => text.includes(']'))).toContain('x-url: /v1/models?a=b\r\n')
})

test('a connection that comes back for each of its requests is listened to as by the first', async () => {
  const { front, port } = await start(echo)
  front.server.on('upgrade', (incoming, socket, head) => {
    const again = headWithoutOffer(incoming) ?? ''
    socket.unshift(Buffer.concat([Buffer.from(again, 'latin1'), head]))
    front.server.emit('connection', socket)
  })
  const counts: number[] = []
  front.server.on('connection', (own: Socket) => counts.push(own.listenerCount('close')))
  const socket = dial(port)
  for (let i = 0; i < 12; i++) {
    socket.write('GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n')
    let text = ''
    while (!text.endsWith(']')) text += String((await once(socket, 'data'))[0])
  }
  expect(counts).toEqual(Array.from({ length: 13 }, () => counts[0]))
})
