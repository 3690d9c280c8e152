// Connections are used again where both sides may go on, and whoever waits hears of every end exactly once.

import { once } from 'node:events'
import { type AddressInfo, createServer, type Socket } from 'node:net'
import { afterEach, describe, expect, test, vi } from 'vitest'
import type { AnswerController } from './answer-handler.ts'
import { Batch } from './batch.ts'
import { Lanes, type UpstreamMessage } from './lanes.ts'

const cleanups: (() => unknown)[] = []
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup()
})

const message: UpstreamMessage = {
  method: 'POST',
  path: '/x',
  headers: { a: 'b' },
  body: Buffer.from('hi'),
  connectMs: 60_000,
}
const ok = 'HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok'

/** An upstream that answers each request on a connection by its number there. */
async function upstream(answer: (socket: Socket, place: number, text: string) => unknown) {
  let connections = 0
  const sockets = new Set<Socket>()
  const server = createServer((socket) => {
    connections += 1
    sockets.add(socket)
    let place = 0
    socket.on('error', () => {})
    socket.on('data', (bytes) => {
      answer(socket, place, bytes.toString('latin1'))
      place += 1
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const lanes = new Lanes(new Batch())
  cleanups.push(() => {
    lanes.stop()
    for (const socket of sockets) socket.destroy()
    return new Promise((resolve) => server.close(resolve))
  })
  const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  return { lanes, origin, connections: () => connections }
}

/** Each connection to it is dialled once its name is found. */
async function named(answer: Parameters<typeof upstream>[0]) {
  const { origin, connections } = await upstream(answer)
  const asked: (() => void)[] = []
  let isFree = 0
  const next = () => {
    while (isFree > 0 && asked.length > 0) {
      isFree -= 1
      asked.shift()?.()
    }
  }
  const lanes = new Lanes(new Batch(), {
    lookup: (_name, _options, found) => {
      asked.push(() => found(null, [{ address: '127.0.0.1', family: 4 }]))
      next()
    },
  })
  cleanups.push(() => lanes.stop())
  const found = () => {
    isFree += 1
    next()
  }
  return { lanes, origin: origin.replace('127.0.0.1', 'localhost'), found, connections }
}

function ask(
  lanes: Lanes,
  origin: string,
  { isOver = false, ...of }: Partial<UpstreamMessage> & { readonly isOver?: boolean } = {},
) {
  const told: string[] = []
  let controller: AnswerController | null = null
  const ended = new Promise<string>((resolve) => {
    let body = ''
    lanes.dispatch(
      origin,
      { ...message, ...of },
      {
        isOver,
        onRequestStart: (given) => {
          controller = given
        },
        onResponseStart: (status) => told.push(String(status)),
        onResponseData: (chunk) => {
          body += chunk.toString('latin1')
        },
        onResponseEnd: () => {
          told.push('end')
          resolve(body)
        },
        onResponseError: (error) => {
          told.push('error')
          resolve(error.message)
        },
      },
    )
  })
  return { ended, told, controller: () => controller }
}

test('one connection serves requests one after the other, and more serve many at once', async () => {
  const waiting: Socket[] = []
  const { lanes, origin, connections } = await upstream((socket, _, text) => {
    if (text.includes('hold')) return waiting.push(socket)
    socket.write(ok)
  })
  for (let i = 0; i < 5; i++) expect(await ask(lanes, origin).ended).toBe('ok')
  expect(connections()).toBe(1)
  const held = [0, 1, 2].map(() => ask(lanes, origin, { body: Buffer.from('hold') }))
  const other = await ask(lanes, origin).ended
  expect(other).toBe('ok')
  for (const socket of waiting.splice(0)) socket.write(ok)
  expect(await Promise.all(held.map(({ ended }) => ended))).toEqual(['ok', 'ok', 'ok'])
  expect(connections()).toBeLessThanOrEqual(4)
})

test('the message is what was asked for, small and large', async () => {
  const got: string[] = []
  const large = Buffer.alloc(100_000, 'z')
  let done = () => {}
  const isDone = new Promise<void>((resolve) => {
    done = resolve
  })
  const { lanes, origin } = await upstream((socket, _, text) => {
    got.push(text)
    const length = got.join('').length
    if (length < 100 || length > 100_000) socket.write(ok)
    if (length > 100_000) done()
  })
  await ask(lanes, origin).ended
  expect(got.join('')).toBe(
    `POST /x HTTP/1.1\r\nhost: ${origin.slice(7)}\r\na: b\r\ncontent-length: 2\r\n\r\nhi`,
  )
  await ask(lanes, origin, { body: large }).ended
  await isDone
  expect(got.join('').endsWith('z'.repeat(1_000))).toBe(true)
})

test('a header that would begin another is refused', async () => {
  const { lanes, origin } = await upstream((socket) => socket.write(ok))
  for (const bad of ['a\r\nb: c', 'a\nb', 'ключ', 'a\0']) {
    await expect(ask(lanes, origin, { headers: { a: bad } }).ended).rejects.toThrow(/header a/)
  }
})

describe('a connection that may not go on is not used again (N2)', () => {
  const answers: Record<string, string> = {
    'asked to close': 'HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 2\r\n\r\nok',
    'more than the answer': `${ok}HTTP/1.1 200 OK\r\n`,
  }
  for (const [name, answer] of Object.entries(answers)) {
    test(name, async () => {
      const { lanes, origin, connections } = await upstream((socket) => socket.write(answer))
      expect(await ask(lanes, origin).ended).toBe('ok')
      expect(await ask(lanes, origin).ended).toBe('ok')
      expect(connections()).toBe(2)
    })
  }

  test('an answer that the end of the connection ends', async () => {
    const { lanes, origin } = await upstream((socket) => socket.end('HTTP/1.1 200 OK\r\n\r\nall'))
    const { ended, told } = ask(lanes, origin)
    expect(await ended).toBe('all')
    expect(told).toEqual(['200', 'end'])
  })
})

test.each([
  ['4 s where the server does not say how long it keeps it', '', 4_000],
  ['a second less than the server says', 'keep-alive: timeout=7\r\n', 6_000],
  ['10 s at most', 'keep-alive: timeout=600\r\n', 10_000],
])('a connection that nobody uses is kept %s (N4)', async (_, said, keptMs) => {
  const answer = ok.replace('\r\n\r\n', `\r\n${said}\r\n`)
  const { lanes, origin, connections } = await upstream((socket) => socket.write(answer))
  const clock = vi.spyOn(performance, 'now').mockReturnValue(0)
  cleanups.push(() => clock.mockRestore())
  for (const [atMs, count] of [
    [0, 1],
    [keptMs, 1],
    [2 * keptMs + 1, 2],
  ] as const) {
    clock.mockReturnValue(atMs)
    expect(await ask(lanes, origin).ended).toBe('ok')
    expect(connections()).toBe(count)
  }
})

describe('a connection of before that ends as it is used again (N7)', () => {
  const ends: Record<string, (socket: Socket) => unknown> = {
    'with an end': (socket) => socket.end(),
    'with a reset': (socket) => socket.resetAndDestroy(),
  }
  for (const [name, end] of Object.entries(ends)) {
    test(`${name}: the request is answered on a new one, and nobody hears of it`, async () => {
      const got: string[] = []
      const { lanes, origin, connections } = await upstream((socket, place, text) => {
        got.push(text)
        return place === 0 ? socket.write(ok) : end(socket)
      })
      for (let i = 0; i < 3; i++) {
        const { ended, told } = ask(lanes, origin, { body: Buffer.from(`no ${i}`) })
        expect(await ended).toBe('ok')
        expect(told).toEqual(['200', 'end'])
      }
      expect(got.map((text) => text.slice(-4))).toEqual(['no 0', 'no 1', 'no 1', 'no 2', 'no 2'])
      expect(connections()).toBe(3)
    })
  }

  test('at once: an engine that has worked on it for a while is not asked again', async () => {
    vi.useFakeTimers({ toFake: ['performance'] })
    cleanups.push(() => vi.useRealTimers())
    let asked = 0
    const { lanes, origin, connections } = await upstream((socket) => {
      asked += 1
      if (asked === 1) return socket.write(ok)
      vi.advanceTimersByTime(1_000)
      return socket.end()
    })
    await ask(lanes, origin).ended
    expect(await ask(lanes, origin).ended).toMatch(/ended before an answer began/)
    expect([asked, connections()]).toEqual([2, 1])
  })

  test('once: a new one that ends is the end of the request', async () => {
    let asked = 0
    const { lanes, origin, connections } = await upstream((socket) => {
      asked += 1
      return asked === 1 ? socket.write(ok) : socket.end()
    })
    await ask(lanes, origin).ended
    const { ended, told } = ask(lanes, origin)
    expect(await ended).toMatch(/ended before an answer began/)
    await new Promise(setImmediate)
    expect(told).toEqual(['error'])
    expect([asked, connections()]).toEqual([3, 2])
  })

  test.each(['H', 'HTTP/1.1 100 Continue\r\n\r\n', 'HTTP/1.1 200 OK\r\n'])(
    'is the end of a request whose answer has begun: %j',
    async (begun) => {
      let asked = 0
      const { lanes, origin } = await upstream((socket, place) => {
        asked += 1
        return place === 0 ? socket.write(ok) : socket.end(begun)
      })
      await ask(lanes, origin).ended
      expect(await ask(lanes, origin).ended).toMatch(/the connection ended before/)
      expect(asked).toBe(2)
    },
  )

  test('the new one is waited for as long as a first one', async () => {
    const { lanes, origin, found } = await named((socket, place) =>
      place === 0 ? socket.write(ok) : socket.end(),
    )
    found()
    await ask(lanes, origin).ended
    const { ended, told } = ask(lanes, origin, { connectMs: 30 })
    expect(await ended).toMatch(/could not be reached within 30 ms/)
    expect(told).toEqual(['error'])
  })

  test('no other connection of before is used for it, and none waits for nothing', async () => {
    const held: Socket[] = []
    const places: number[] = []
    const { lanes, origin, found, connections } = await named((socket, place, text) => {
      if (text.endsWith('hold')) return held.push(socket)
      if (text.endsWith('again')) places.push(place)
      return text.endsWith('again') && place > 0 ? socket.end() : socket.write(ok)
    })
    found()
    const slow = ask(lanes, origin, { body: Buffer.from('hold') })
    await expect.poll(() => held.length).toBe(1)
    found()
    await ask(lanes, origin).ended
    const again = ask(lanes, origin, { body: Buffer.from('again') })
    await expect.poll(() => places).toEqual([1])
    const behind = ask(lanes, origin) // waits as it does, and takes what it must not
    held[0]?.write(ok)
    expect([await slow.ended, await behind.ended]).toEqual(['ok', 'ok'])
    expect(again.told).toEqual([])
    found()
    expect(await again.ended).toBe('ok')
    expect([places, connections()]).toEqual([[1, 0], 3])
  })

  test('whoever asked can cut the new one off', async () => {
    const held: Socket[] = []
    const { lanes, origin } = await upstream((socket, place, text) => {
      if (text.endsWith('again') && place === 0) return held.push(socket)
      return text.endsWith('again') ? socket.end() : socket.write(ok)
    })
    await ask(lanes, origin).ended
    const again = ask(lanes, origin, { body: Buffer.from('again') })
    await expect.poll(() => held.length).toBe(1)
    again.controller()?.abort(new Error('enough'))
    expect(await again.ended).toBe('enough')
    expect(again.told).toEqual(['error'])
  })

  test('nothing is sent again as it stops', async () => {
    const { lanes, origin, connections } = await upstream((socket, place) => {
      if (place === 0) return socket.write(ok)
      lanes.stop()
      return socket.end()
    })
    await ask(lanes, origin).ended
    expect(await ask(lanes, origin).ended).toMatch(/stops/)
    expect(connections()).toBe(1)
  })
})

test('each waits for a connection as long as it says itself (N5)', async () => {
  const { lanes, origin } = await upstream(() => {}) // answers no handshake of TLS
  const silent = origin.replace('http:', 'https:')
  const patient = ask(lanes, silent)
  const hasty = ask(lanes, silent, { connectMs: 30 })
  expect(await hasty.ended).toMatch(/could not be reached within 30 ms/)
  expect(patient.told).toEqual([])
  lanes.stop()
  expect(await patient.ended).toMatch(/stops/)
})

test('who comes next has a dial of its own, whatever became of the one before (N5)', async () => {
  const asked: Socket[] = []
  const { origin } = await upstream((socket) => asked.push(socket))
  let names = 0
  const lanes = new Lanes(new Batch(), {
    lookup: (_name, _options, found) => {
      names += 1
      if (names === 1) found(null, [{ address: '127.0.0.1', family: 4 }]) // later ones never hear
    },
  })
  cleanups.push(() => lanes.stop())
  const named = origin.replace('127.0.0.1', 'localhost')
  const first = ask(lanes, named)
  await expect.poll(() => asked.length).toBe(1)
  ask(lanes, named) // gets the first one's connection
  asked[0]?.write(ok)
  expect(await first.ended).toBe('ok')
  await expect.poll(() => asked.length).toBe(2)
  const hasty = ask(lanes, named, { connectMs: 30 })
  expect(await hasty.ended).toMatch(/could not be reached within 30 ms/)
})

test('of a request that is over nothing waits (N6)', async () => {
  vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] })
  cleanups.push(() => vi.useRealTimers())
  const { lanes, origin } = await upstream(() => {}) // answers no handshake of TLS
  const silent = origin.replace('http:', 'https:')
  const over = ask(lanes, silent, { isOver: true })
  const waiting = ask(lanes, silent)
  vi.advanceTimersByTime(2_000)
  lanes.stop()
  expect(await waiting.ended).toMatch(/stops/)
  expect(over.told).toEqual([])
})

describe('every end is heard once (N1)', () => {
  const ends: Record<
    string,
    { readonly act: (socket: Socket) => unknown; readonly told: string[] }
  > = {
    'a cut before the answer': { act: (socket) => socket.destroy(), told: ['error'] },
    'an end before the answer': { act: (socket) => socket.end(), told: ['error'] },
    'a cut in the body': {
      act: (socket) => socket.write(ok.slice(0, -1), () => socket.destroy()),
      told: ['200', 'error'],
    },
    'an end in a chunk': {
      act: (socket) => socket.end('HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nab'),
      told: ['200', 'error'],
    },
    'no HTTP': { act: (socket) => socket.write('SSH-2.0-x\r\n\r\n'), told: ['error'] },
  }
  for (const [name, { act, told: wanted }] of Object.entries(ends)) {
    test(name, async () => {
      const { lanes, origin } = await upstream(act)
      const { ended, told } = ask(lanes, origin)
      await ended
      await new Promise(setImmediate)
      expect(told).toEqual(wanted)
    })
  }

  test('nobody listens', async () => {
    const { lanes, origin } = await upstream(() => {})
    const closed = origin.replace(/\d+$/, '1')
    expect(await ask(lanes, closed).ended).toMatch(/ECONNREFUSED/)
    const silent = origin.replace('http:', 'https:') // says nothing of TLS
    expect(await ask(lanes, silent, { connectMs: 50 }).ended).toEqual(expect.any(String))
  })

  test('whoever asked cuts it off, and the next gets a connection of its own', async () => {
    let asked = () => {}
    const isAsked = new Promise<void>((resolve) => {
      asked = resolve
    })
    const { lanes, origin, connections } = await upstream((socket, _, text) => {
      if (!text.includes('hold')) return socket.write(ok)
      asked()
    })
    const { ended, told, controller } = ask(lanes, origin, { body: Buffer.from('hold') })
    await isAsked
    controller()?.abort(new Error('enough'))
    expect(await ended).toBe('enough')
    expect(told).toEqual(['error'])
    expect(await ask(lanes, origin).ended).toBe('ok')
    expect(connections()).toBe(2)
  })

  test('more than there are connections to one, where nobody listens (N3)', async () => {
    const { lanes, origin } = await upstream(() => {})
    const closed = origin.replace(/\d+$/, '1')
    const asked = Array.from({ length: 700 }, () => ask(lanes, closed))
    for (const { ended } of asked) expect(await ended).toMatch(/ECONNREFUSED/)
    expect(asked.every(({ told }) => told.join() === 'error')).toBe(true)
  })

  test('who waits for a connection that is freed as it stops', async () => {
    const held: Socket[] = []
    let isFull = () => {}
    const full = new Promise<void>((resolve) => {
      isFull = resolve
    })
    const { lanes, origin, connections } = await upstream((socket) => {
      held.push(socket)
      if (held.length === 512) isFull()
    })
    for (let i = 0; i < 512; i++) {
      const stops = { onResponseEnd: () => lanes.stop(), onResponseError: () => {} }
      const deaf = { onRequestStart: () => {}, onResponseStart: () => {}, onResponseData: () => {} }
      lanes.dispatch(origin, message, { isOver: false, ...deaf, ...stops })
    }
    await full
    const waiting = ask(lanes, origin) // N3: no connection of its own
    held[0]?.write(ok)
    expect(await waiting.ended).toMatch(/stops/)
    expect(waiting.told).toEqual(['error'])
    expect(connections()).toBe(512)
  })

  test('who is cut off before anything went out, and the connection goes on', async () => {
    const { lanes, origin, connections } = await upstream((socket) => socket.write(ok))
    expect(await ask(lanes, origin).ended).toBe('ok')
    const told: string[] = []
    lanes.dispatch(origin, message, {
      isOver: false,
      onRequestStart: (controller) => controller.abort(new Error('nobody wants it')),
      onResponseStart: () => told.push('start'),
      onResponseData: () => told.push('data'),
      onResponseEnd: () => told.push('end'),
      onResponseError: (error) => told.push(error.message),
    })
    expect(told).toEqual(['nobody wants it'])
    expect(await ask(lanes, origin).ended).toBe('ok')
    expect(connections()).toBe(1)
  })

  test('all that wait when it stops', async () => {
    const { lanes, origin } = await upstream(() => {})
    const asked = [ask(lanes, origin), ask(lanes, origin)]
    lanes.stop()
    expect((await Promise.all(asked.map(({ ended }) => ended))).every((text) => text !== '')).toBe(
      true,
    )
    expect(await ask(lanes, origin).ended).toMatch(/stops/)
  })
})
