import { once } from 'node:events'
import { connect, createServer, type Socket } from 'node:net'

/** A socket of ours, with somebody at its other end. */
export async function withSocket(
  work: (socket: Socket, far: Socket) => Promise<void>,
): Promise<void> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  const port = typeof address === 'object' && address !== null ? address.port : 0
  const socket = connect(port, '127.0.0.1')
  const [far] = (await once(server, 'connection')) as [Socket]
  await work(socket, far)
  socket.destroy()
  far.destroy()
  await new Promise((resolve) => server.close(resolve))
}
