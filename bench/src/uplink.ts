// Uplink
//
// The line of one site: a TCP proxy on loopback that lets so many bytes a second through towards the site, for
// all connections together, and counts them.

import { once } from 'node:events'
import { connect, createServer, type Socket } from 'node:net'

export interface Uplink {
  readonly url: string
  /** Bytes that have come to the site since `reset`. */
  readonly bytes: () => number
  readonly reset: () => void
  readonly stop: () => Promise<void>
}

export async function openUplink(to: string, bytesPerSecond: number): Promise<Uplink> {
  const { hostname, port } = new URL(to)
  const sockets = new Set<Socket>()
  let bytes = 0 // the relay below writes, as the next one
  let freeMs = 0
  const relay = (site: Socket) => {
    const plane = connect(Number(port), hostname)
    for (const socket of [site, plane]) {
      sockets.add(socket)
      socket.setNoDelay(true)
      socket.on('error', () => {}) // its close ends both
      socket.on('close', () => {
        sockets.delete(socket)
        site.destroy()
        plane.destroy()
      })
    }
    site.pipe(plane)
    plane.on('data', (chunk) => {
      bytes += chunk.length
      const nowMs = performance.now()
      freeMs = Math.max(nowMs, freeMs) + (chunk.length / bytesPerSecond) * 1_000
      const waitMs = freeMs - nowMs
      const isTaken = site.write(chunk)
      if (waitMs < 1 && isTaken) return
      plane.pause()
      const resume = () => setTimeout(() => plane.resume(), Math.max(0, freeMs - performance.now()))
      if (isTaken) setTimeout(() => plane.resume(), waitMs)
      else site.once('drain', resume)
    })
    plane.on('end', () => site.end())
  }
  const server = createServer(relay)
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  const own = typeof address === 'object' && address !== null ? address.port : 0
  return {
    url: `http://127.0.0.1:${own}`,
    bytes: () => bytes,
    reset: () => {
      bytes = 0
    },
    stop: async () => {
      for (const socket of sockets) socket.destroy()
      server.close()
      await once(server, 'close')
    },
  }
}
