import { once } from 'node:events'
import { connect, createServer, type Socket } from 'node:net'
import { expect, test } from 'vitest'
import { Batch } from './batch.ts'
import { Lane } from './lane.ts'

test.each([
  ['bytes that nobody asked for', 'data', (far: Socket) => far.write('HTTP/1.1 200 OK\r\n\r\n')],
  ['an end', 'end', (far: Socket) => far.end()],
])(
  'a free lane that has got %s serves nobody, before it has looked at it',
  async (_, event, act) => {
    const server = createServer().listen(0, '127.0.0.1')
    await once(server, 'listening')
    const address = server.address()
    const port = typeof address === 'object' && address !== null ? address.port : 0
    const socket = connect(port, '127.0.0.1')
    const [far] = (await once(server, 'connection')) as [Socket]
    const gone = new Promise<void>((resolve) => {
      const lane = new Lane(socket, {
        batch: new Batch(),
        onFree: () => {},
        onGone: () => resolve(),
      })
      expect(lane.isUsable).toBe(true)
      socket.once(event, () => expect(lane.isUsable).toBe(false)) // the lane's own turn comes later
    })
    act(far)
    await gone
    far.destroy()
    await new Promise((resolve) => server.close(resolve))
  },
)

test('a paused lane that holds bytes which nobody has read serves nobody', async () => {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  const port = typeof address === 'object' && address !== null ? address.port : 0
  const socket = connect(port, '127.0.0.1')
  const [far] = (await once(server, 'connection')) as [Socket]
  const lane = new Lane(socket, { batch: new Batch(), onFree: () => {}, onGone: () => {} })
  socket.pause()
  far.write('HTTP/1.1 200 OK\r\n\r\n')
  while (socket.readableLength === 0) await new Promise(setImmediate)
  expect(lane.isUsable).toBe(false)
  lane.destroy()
  far.destroy()
  await new Promise((resolve) => server.close(resolve))
})
