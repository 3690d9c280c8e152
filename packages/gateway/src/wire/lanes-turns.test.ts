// Who is served by which connection, and when none is kept.

import type { Socket } from 'node:net'
import { expect, test, vi } from 'vitest'
import type { AnswerController } from './answer-handler.ts'
import { ask, cleanups, message, named, ok, upstream } from './lanes.fixture.ts'

const hears = {
  isOver: false,
  ...{ onRequestStart: () => {}, onResponseStart: () => {}, onResponseData: () => {} },
  ...{ onResponseEnd: () => {}, onResponseError: () => {} },
}

/** One that a connection of before has, which nobody answers yet. */
async function holdAgain(lanesMax?: number) {
  vi.useFakeTimers({ toFake: ['performance'] }) // it is lost at once, however long this takes
  cleanups.push(() => vi.useRealTimers())
  const held: Socket[] = []
  const texts: string[] = []
  const bed = await named((socket, place, text) => {
    texts.push(text.slice(-5))
    return text.endsWith('again') && place > 0 ? held.push(socket) : socket.write(ok)
  }, lanesMax)
  bed.found()
  await ask(bed.lanes, bed.origin, { body: Buffer.from('first') }).ended
  const again = ask(bed.lanes, bed.origin, { body: Buffer.from('again') })
  await expect.poll(() => held.length).toBe(1)
  return { ...bed, again, texts, lose: () => held[0]?.end() }
}

test('one that was lost does not wait where ten thousand do already (N3)', async () => {
  const { lanes, origin, again, lose } = await holdAgain()
  for (let i = 0; i < 10_000; i++) lanes.dispatch(origin, message, hears)
  expect(await ask(lanes, origin).ended).toMatch(/10000 requests wait/)
  lose()
  expect(await again.ended).toMatch(/ended before an answer began/)
})

test('one that was lost is the next to have a connection (N7)', async () => {
  const { lanes, origin, again, lose, asked, texts } = await holdAgain(8)
  for (let i = 0; i < 8; i++) lanes.dispatch(origin, message, hears) // all but one are dialled for
  expect(asked).toHaveLength(7)
  lose()
  await expect.poll(() => asked.length).toBe(8)
  asked[7]?.()
  expect(await again.ended).toBe('ok')
  expect(texts.slice(0, 3)).toEqual(['first', 'again', 'again'])
})

test('a connection serves him first for whom it was dialled (N5)', async () => {
  const texts: string[] = []
  const { lanes, origin, asked } = await named((socket, _, text) => {
    texts.push(text.slice(-6))
    socket.write(ok)
  })
  ask(lanes, origin, { body: Buffer.from('before') })
  const behind = ask(lanes, origin, { body: Buffer.from('behind') })
  expect(asked).toHaveLength(2)
  asked[1]?.()
  expect(await behind.ended).toBe('ok')
  expect(texts[0]).toBe('behind')
})

test('a connection that nobody uses is closed also where nobody asks (N4)', async () => {
  vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval', 'performance'] })
  cleanups.push(() => vi.useRealTimers())
  let closed = () => {}
  const isClosed = new Promise<void>((resolve) => {
    closed = resolve
  })
  const { lanes, origin } = await upstream((socket) => {
    socket.on('close', closed)
    socket.write(ok)
  })
  await ask(lanes, origin).ended
  vi.advanceTimersByTime(6_000) // it is 4 s old at the most, and looked at every 2 s
  await isClosed
})

test('a connection whose answer was paused at its end serves the next (N2)', async () => {
  const { lanes, origin, connections } = await upstream((socket) => socket.write(ok))
  let controller: AnswerController | null = null
  const onRequestStart = (given: AnswerController) => {
    controller = given
  }
  const onResponseData = () => controller?.pause()
  await new Promise<void>((resolve) => {
    const own = { onRequestStart, onResponseData, onResponseEnd: resolve }
    lanes.dispatch(origin, message, { ...hears, ...own })
  })
  await new Promise(setImmediate) // N8: it has been read once more
  expect(await ask(lanes, origin).ended).toBe('ok')
  expect(connections()).toBe(1)
})
