import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { type RelayEvent, RelayLine, relayLimits } from './relay-line.ts'

const { windowBytes, chunkBytes, streamsMax } = relayLimits
const bytesOf = (length: number, value = 7) => new Uint8Array(length).fill(value)

/** Sends all that one side has to say to the other; the events of both. */
function flush(from: RelayLine, to: RelayLine, framesMax = Number.POSITIVE_INFINITY) {
  const own: RelayEvent[] = []
  const far: RelayEvent[] = []
  for (let i = 0; i < framesMax; i++) {
    const next = from.take()
    if (next === null) break
    own.push(...next.events)
    const event = to.receive(next.frame)
    if (event !== null) far.push(event)
  }
  return { own, far }
}

function pair() {
  const gateway = new RelayLine('gateway')
  const node = new RelayLine('node')
  const open = () => {
    const id = gateway.open() ?? 0
    flush(gateway, node)
    return id
  }
  return { gateway, node, open }
}

const sum = (events: readonly RelayEvent[], stream?: number) =>
  events.reduce(
    (bytes, event) =>
      event.kind === 'data' && (stream ?? event.stream) === event.stream
        ? bytes + event.bytes.length
        : bytes,
    0,
  )

describe('a relay line', () => {
  test('bytes arrive in order, and the end after them', () => {
    const { gateway, node, open } = pair()
    const id = open()
    gateway.write(id, new TextEncoder().encode('POST /'))
    gateway.write(id, new TextEncoder().encode(' HTTP/1.1'))
    gateway.end(id)
    const { far } = flush(gateway, node)
    const text = far.map((event) =>
      event.kind === 'data' ? new TextDecoder().decode(event.bytes) : event.kind,
    )
    expect(text).toEqual(['POST /', ' HTTP/1.1', 'ended'])
  })

  test('a reader that takes nothing gets a window and no more (L1)', () => {
    const { gateway, node, open } = pair()
    const id = open()
    expect(gateway.write(id, bytesOf(3 * windowBytes))).toBe(false)
    expect(sum(flush(gateway, node).far)).toBe(windowBytes)
    expect(sum(flush(gateway, node).far)).toBe(0)
    node.consumed(id, windowBytes)
    expect(flush(node, gateway).far).toEqual([])
    const more = flush(gateway, node)
    expect(sum(more.far)).toBe(windowBytes)
  })

  test('a writer that waits is told when it may go on', () => {
    const { gateway, node, open } = pair()
    const id = open()
    expect(gateway.write(id, bytesOf(windowBytes + chunkBytes))).toBe(false)
    const { own } = flush(gateway, node)
    expect(own).toEqual([{ kind: 'writable', stream: id }])
  })

  test('a slow reader holds up nobody else, and streams take turns (L1, L2)', () => {
    const { gateway, node, open } = pair()
    const [slow, quick] = [open(), open()]
    node.write(slow, bytesOf(4 * windowBytes))
    node.write(quick, bytesOf(4 * windowBytes))
    const first = flush(node, gateway, 8).far
    expect(sum(first, slow)).toBe(4 * chunkBytes)
    expect(sum(first, quick)).toBe(4 * chunkBytes)
    let came = sum(first, quick)
    gateway.consumed(quick, came)
    for (let i = 0; i < 64; i++) {
      flush(gateway, node)
      const now = sum(flush(node, gateway).far, quick)
      gateway.consumed(quick, now)
      came += now
    }
    expect(came).toBe(4 * windowBytes)
  })

  test('a reset ends a stream on both sides, and what comes late is nobody’s', () => {
    const { gateway, node, open } = pair()
    const id = open()
    node.write(id, bytesOf(10))
    gateway.reset(id)
    expect(flush(gateway, node).far).toEqual([{ kind: 'reset', stream: id }])
    expect(flush(node, gateway).far).toEqual([])
    expect([gateway.size, node.size]).toEqual([0, 0])
    expect(node.write(id, bytesOf(10))).toBe(true)
    expect(node.take()).toBeNull()
  })

  test('a stream that both have ended is forgotten (L4)', () => {
    const { gateway, node, open } = pair()
    const id = open()
    gateway.end(id)
    flush(gateway, node)
    node.write(id, bytesOf(5))
    node.end(id)
    flush(node, gateway)
    expect([gateway.size, node.size]).toEqual([0, 0])
  })

  test('beyond so many streams an open is refused on both sides', () => {
    const { gateway, node, open } = pair()
    for (let i = 0; i < streamsMax; i++) open()
    expect(gateway.open()).toBeNull()
    expect(node.size).toBe(streamsMax)
    const more = new RelayLine('gateway')
    const frames = Array.from({ length: streamsMax + 1 }, () => more.open())
    expect(frames.at(-1)).toBeNull()
    const open257 = new Uint8Array([0, 0, 0, 1, 1])
    expect(node.receive(open257)).toBeNull()
    expect(node.take()?.frame).toEqual(new Uint8Array([4, 0, 0, 1, 1])) // reset
  })

  test.each([
    ['nothing', []],
    ['an unknown kind', [9, 0, 0, 0, 1]],
    ['data of a stream that never was', [1, 0, 0, 0, 9, 1]],
    ['an open out of order', [0, 0, 0, 0, 7]],
    ['a credit without a number', [2, 0, 0, 0, 1]],
    ['a credit beyond the window', [2, 0, 0, 0, 1, 255, 255, 255, 255]],
  ])('%s is a violation (L3)', (_, frame) => {
    const { node, open } = pair()
    open()
    expect(node.receive(new Uint8Array(frame))).toMatchObject({ kind: 'violation' })
  })

  test('more than the window, or data after the end, is a violation (L3)', () => {
    const { node, open } = pair()
    const data = (id: number, length: number) => {
      const frame = new Uint8Array(5 + length)
      frame[0] = 1
      frame[4] = id
      return frame
    }
    const first = open()
    expect(node.receive(data(first, windowBytes))).toMatchObject({ kind: 'data' })
    expect(node.receive(data(first, 1))).toMatchObject({ kind: 'violation' })
    const second = open()
    node.receive(new Uint8Array([3, 0, 0, 0, second]))
    expect(node.receive(data(second, 1))).toMatchObject({ kind: 'violation' })
    expect(node.receive(new Uint8Array([3, 0, 0, 0, second]))).toMatchObject({ kind: 'violation' })
  })

  test('whatever frames come, it throws nothing and holds no more than its streams', () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 64 }), { maxLength: 200 }), (frames) => {
        const node = new RelayLine('node')
        for (const frame of frames) if (node.receive(frame)?.kind === 'violation') break
        expect(node.size).toBeLessThanOrEqual(streamsMax)
      }),
    )
  })

  test('whoever writes what to whom, all of it arrives, in order, within the window', () => {
    const step = fc.record({
      stream: fc.integer({ min: 0, max: 3 }),
      bytes: fc.integer({ min: 0, max: 2 * windowBytes }),
      take: fc.boolean(),
    })
    fc.assert(
      fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
        const { gateway, node, open } = pair()
        const ids = [open(), open(), open(), open()]
        const wrote = new Map(ids.map((id) => [id, 0]))
        const read = new Map(ids.map((id) => [id, 0]))
        const unread = new Map(ids.map((id) => [id, 0]))
        const add = (to: Map<number, number>, id: number, bytes: number) =>
          to.set(id, (to.get(id) ?? 0) + bytes)
        const move = () => {
          for (const event of flush(node, gateway).far) {
            expect(event.kind).toBe('data')
            if (event.kind !== 'data') continue
            add(read, event.stream, event.bytes.length)
            add(unread, event.stream, event.bytes.length)
            expect(unread.get(event.stream)).toBeLessThanOrEqual(windowBytes) // L1
          }
        }
        const takeAll = (id: number) => {
          gateway.consumed(id, unread.get(id) ?? 0)
          unread.set(id, 0)
          expect(flush(gateway, node).far.filter(({ kind }) => kind === 'violation')).toEqual([])
        }
        for (const { stream, bytes, take } of steps) {
          const id = ids[stream] ?? 0
          node.write(id, bytesOf(bytes))
          add(wrote, id, bytes)
          move()
          if (take) takeAll(id)
        }
        for (let i = 0; i < 400; i++) {
          for (const id of ids) takeAll(id)
          move()
        }
        expect(read).toEqual(wrote)
      }),
      { numRuns: 50 },
    )
  })
})
