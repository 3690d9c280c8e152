// Connections are used again where both sides may go on, and whoever waits hears of every end exactly once.

import type { Socket } from 'node:net'
import { describe, expect, test, vi } from 'vitest'
import { Batch } from './batch.ts'
import { ask, cleanups, message, ok, upstream } from './lanes.fixture.ts'
import { Lanes } from './lanes.ts'

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
  const over = ask(lanes, silent)
  const waiting = ask(lanes, silent)
  over.over()
  vi.advanceTimersByTime(2_000)
  expect([over.told, waiting.told]).toEqual([['error'], []]) // N1
  lanes.stop()
  expect(await waiting.ended).toMatch(/stops/)
  expect(over.told).toEqual(['error'])
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
      if (held.length === 8) isFull()
    }, 8)
    for (let i = 0; i < 8; i++) {
      const stops = { onResponseEnd: () => lanes.stop(), onResponseError: () => {} }
      const deaf = { onRequestStart: () => {}, onResponseStart: () => {}, onResponseData: () => {} }
      lanes.dispatch(origin, message, { isOver: false, ...deaf, ...stops })
    }
    await full
    const waiting = ask(lanes, origin) // N3: no connection of its own
    held[0]?.write(ok)
    expect(await waiting.ended).toMatch(/stops/)
    expect(waiting.told).toEqual(['error'])
    expect(connections()).toBe(8)
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
