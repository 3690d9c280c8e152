// A request that a connection of before has lost is sent once more, and its end heard once.

import type { Socket } from 'node:net'
import { describe, expect, test, vi } from 'vitest'
import { ask, cleanups, named, ok, upstream } from './lanes.fixture.ts'

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

  test('whoever is over while the new one is dialled hears that (N1)', async () => {
    vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] })
    cleanups.push(() => vi.useRealTimers())
    const { lanes, origin, found, asked } = await named((socket, place) =>
      place === 0 ? socket.write(ok) : socket.end(),
    )
    found()
    await ask(lanes, origin).ended
    const again = ask(lanes, origin)
    await expect.poll(() => asked.length).toBe(1)
    again.controller()?.abort(new Error('enough')) // the connection that it had is gone
    again.over()
    vi.advanceTimersByTime(2_000)
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
