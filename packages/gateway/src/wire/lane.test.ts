import type { Socket } from 'node:net'
import { expect, test } from 'vitest'
import { Batch } from './batch.ts'
import { Lane } from './lane.ts'
import { withSocket } from './with-socket.fixture.ts'

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
