import { once } from 'node:events'
import { connect, createServer, type Socket } from 'node:net'
import { dial } from './dial.ts'

type Work = (socket: Socket, far: Socket) => Promise<void>

/** A socket of ours, with somebody at its other end. */
export function withSocket(work: Work): Promise<void> {
  return withEnds((port) => Promise.resolve(connect(port, '127.0.0.1')), work)
}

/** The same, as upstreams are dialled. */
export function withDialled(work: Work): Promise<void> {
  const dialled = (port: number) =>
    new Promise<Socket>((onDone, onFailed) => {
      const url = new URL(`http://127.0.0.1:${port}`)
      dial({ url, reach: {}, session: undefined }, { onDone, onFailed, onSession: () => {} })
    })
  return withEnds(dialled, work)
}

async function withEnds(open: (port: number) => Promise<Socket>, work: Work): Promise<void> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  const port = typeof address === 'object' && address !== null ? address.port : 0
  const [socket, [far]] = await Promise.all([open(port), once(server, 'connection')])
  await work(socket, far)
  socket.destroy()
  far.destroy()
  await new Promise((resolve) => server.close(resolve))
}
