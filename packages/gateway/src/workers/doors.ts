// Doors
//
// Where each of several workers is asked by the others for what it alone knows: a port of its own on loopback, which
// answers as the one does that all of them share.

import type { Server } from 'node:http'
import { createServer } from 'node:net'

export class Doors {
  /** Which worker this is, from 1; 0 where there is one process alone. */
  readonly place: number
  /** Of the others, by worker; written by `hear` and `forget`. */
  readonly #urls = new Map<number, string>()
  readonly #listeners = new Set<() => void>()

  constructor(place: number) {
    this.place = place
  }

  urls(): readonly string[] {
    return [...this.#urls.values()]
  }

  /** Tells that one has come; what comes back ends it. */
  onCome(listener: () => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  /** True for one that has just come. */
  hear(worker: number, url: string): boolean {
    if (this.#urls.get(worker) === url) return false
    this.#urls.set(worker, url)
    for (const listener of this.#listeners) listener()
    return true
  }

  forget(worker: number): void {
    this.#urls.delete(worker)
  }
}

export interface Door {
  readonly url: string
  readonly close: () => void
}

/** Another way in to the same server, or why there is none. */
export async function openDoor(server: Server, host = '127.0.0.1'): Promise<Door | string> {
  const door = createServer({ allowHalfOpen: true }, (socket) => {
    server.emit('connection', socket)
  })
  const failed = await new Promise<string | null>((resolve) => {
    door.on('error', (error) => resolve(error.message))
    // Among workers a port is shared unless it is said.
    door.listen({ port: 0, host, exclusive: true }, () => resolve(null))
  })
  if (failed !== null) return failed
  door.unref()
  const address = door.address()
  const port = typeof address === 'object' && address !== null ? address.port : 0
  return { url: `http://${host}:${port}`, close: () => door.close() }
}
