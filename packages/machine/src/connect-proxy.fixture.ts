// Connect proxy
//
// A real proxy that tunnels (CONNECT) and finds every host on this machine; named to this process by its environment.

import { once } from 'node:events'
import { createServer } from 'node:http'
import { type AddressInfo, connect } from 'node:net'
import type { Duplex } from 'node:stream'

export interface ConnectProxy {
  readonly url: string
  /** Whom it was asked for, and by whom. */
  readonly asked: { readonly host: string; readonly credentials: string | undefined }[]
  readonly stop: () => Promise<void>
}

/** `answer` is the status that it answers with; 200 opens the tunnel. */
export async function startConnectProxy(answer = 200): Promise<ConnectProxy> {
  const asked: { host: string; credentials: string | undefined }[] = []
  const open = new Set<Duplex>()
  const server = createServer()
  server.on('connect', ({ url = '', headers }, socket: Duplex) => {
    asked.push({ host: url, credentials: headers['proxy-authorization'] })
    open.add(socket)
    if (answer !== 200) {
      socket.end(`HTTP/1.1 ${answer} No\r\ncontent-length: 0\r\n\r\n`)
      return
    }
    const there = connect(Number(url.split(':').at(-1)), '127.0.0.1', () => {
      socket.write('HTTP/1.1 200 OK\r\n\r\n')
      there.pipe(socket).pipe(there)
    })
    open.add(there)
    for (const one of [socket, there]) one.on('error', () => there.destroy())
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const stop = async () => {
    for (const one of open) one.destroy()
    server.closeAllConnections()
    await new Promise((resolve) => server.close(resolve))
  }
  const { port } = server.address() as AddressInfo
  return { url: `http://user:p%40ss@127.0.0.1:${port}`, asked, stop }
}
