import { once } from 'node:events'
import type { Socket } from 'node:net'
import { expect, test, vi } from 'vitest'
import { Batch } from './batch.ts'
import { Lane } from './lane.ts'
import { withDialled, withSocket } from './with-socket.fixture.ts'

test.each([
  ['bytes that nobody asked for', 'data', (far: Socket) => far.write('HTTP/1.1 200 OK\r\n\r\n')],
  ['an end', 'end', (far: Socket) => far.end()],
])(
  'a free lane that has got %s serves nobody, before it has looked at it',
  async (_, event, act) => {
    await withSocket(async (socket, far) => {
      const gone = new Promise<void>((resolve) => {
        const lane = new Lane(socket, {
          batch: new Batch(),
          onFree: () => {},
          onGone: () => resolve(),
          onUnanswered: () => false,
        })
        expect(lane.isUsable).toBe(true)
        socket.once(event, () => expect(lane.isUsable).toBe(false)) // the lane's own turn comes later
      })
      act(far)
      await gone
    })
  },
)

test('a paused lane that holds bytes which nobody has read serves nobody', async () => {
  await withSocket(async (socket, far) => {
    const deaf = { onFree: () => {}, onGone: () => {}, onUnanswered: () => false }
    const lane = new Lane(socket, { batch: new Batch(), ...deaf })
    socket.pause()
    far.write('HTTP/1.1 200 OK\r\n\r\n')
    while (socket.readableLength === 0) await new Promise(setImmediate)
    expect(lane.isUsable).toBe(false)
    lane.destroy()
  })
})

const ok = 'HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok'

test.each([
  [
    'has got more in the meantime',
    Buffer.from('hi'),
    (socket: Socket) => {
      socket.emit('data', Buffer.from(ok))
      socket.emit('data', Buffer.from('HTTP/1.1 200 OK')) // before the lane's turn
    },
  ],
  [
    'has not sent all of its request yet',
    Buffer.alloc(32 * 2 ** 20), // more than both sockets hold
    (_: Socket, far: Socket) => far.write(ok),
  ],
])('a lane that %s as its answer ends is not kept (N2)', async (_, body, answer) => {
  await withSocket(async (socket, far) => {
    const told: string[] = []
    await new Promise<void>((resolve) => {
      const lane = new Lane(socket, {
        batch: new Batch(),
        onFree: () => told.push('free'),
        onGone: () => told.push('gone'),
        onUnanswered: () => false,
      })
      const request = { head: 'POST / HTTP/1.1\r\n\r\n', body, connectMs: 1 }
      const deaf = { onRequestStart: () => {}, onResponseStart: () => {}, onResponseData: () => {} }
      const ends = { onResponseEnd: resolve, onResponseError: () => resolve() }
      lane.send(request, { isOver: false, ...deaf, ...ends })
      answer(socket, far)
    })
    expect(told).toEqual(['gone'])
  })
})

/** A lane whose turns come when they are called, and what it has told. */
function laneOf(socket: Socket) {
  const batch = new Batch()
  vi.spyOn(batch, 'add').mockImplementation(() => {})
  const told: string[] = []
  const lane = new Lane(socket, {
    batch,
    onFree: () => told.push('free'),
    onGone: () => told.push('gone'),
    onUnanswered: () => false,
  })
  lane.send(
    { head: 'POST / HTTP/1.1\r\n\r\n', body: null, connectMs: 1 },
    {
      isOver: false,
      ...{ onRequestStart: () => {}, onResponseStart: () => {} },
      onResponseData: (bytes) => told.push(bytes.toString('latin1')),
      onResponseEnd: () => told.push('end'),
      onResponseError: (error) => told.push(error.message),
    },
  )
  return { lane, told }
}

const loopTurns = async () => {
  for (let i = 0; i < 20; i++) await new Promise(setImmediate)
}
const half = 'HTTP/1.1 200 OK\r\ncontent-length: 6\r\n\r\nhal'

test('a lane that waits for its turn is not read on, and loses nothing (N8)', async () => {
  await withDialled(async (socket, far) => {
    const { lane, told } = laneOf(socket)
    for (const piece of [half, 'f', 'an']) {
      far.write(piece)
      await (piece === 'an' ? loopTurns() : once(socket, 'data'))
    }
    expect(socket.bytesRead).toBe(half.length + 1)
    lane.turn()
    await once(socket, 'data')
    lane.turn()
    expect(told).toEqual(['hal', 'f', 'an', 'free', 'end'])
    lane.destroy()
  })
})

test.each([
  ['nothing behind it, serves the next', '', ['hal', 'fan', 'end', 'free']],
  ['bytes behind it that nobody asked for, serves nobody', ok, ['hal', 'fan', 'end', 'gone']],
])('a lane that was not read at the end of an answer, with %s (N2, N8)', async (_, more, all) => {
  await withDialled(async (socket, far) => {
    const { lane, told } = laneOf(socket)
    for (const piece of [half, 'fan']) {
      far.write(piece)
      await once(socket, 'data')
    }
    if (more !== '') far.write(more)
    await loopTurns()
    lane.turn()
    expect(told).toEqual(['hal', 'fan', 'end'])
    await loopTurns()
    lane.turn()
    expect(told).toEqual(all)
    lane.destroy()
  })
})
