// Bare relay
//
// The least that a Node process can do with a request on this machine: read it, send it on over a connection that is
// kept, read the answer, write it. No key, no JSON, no failure is looked at: a limit to measure by, and nothing to use.

import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net'

const headEnd = Buffer.from('\r\n\r\n')

/** Whole messages with a content-length, cut out of what comes. */
class Messages {
  #held: Buffer = Buffer.alloc(0)

  push(chunk: Buffer): Buffer[] {
    const whole: Buffer[] = []
    this.#held = this.#held.length === 0 ? chunk : Buffer.concat([this.#held, chunk])
    for (;;) {
      const head = this.#held.indexOf(headEnd)
      if (head === -1) return whole
      const text = this.#held.toString('latin1', 0, head)
      const length = Number(/content-length: ?(\d+)/i.exec(text)?.[1] ?? 0)
      const end = head + headEnd.length + length
      if (this.#held.length < end) return whole
      whole.push(this.#held.subarray(0, end))
      this.#held = this.#held.subarray(end)
    }
  }
}

interface Lane {
  readonly socket: Socket
  onAnswer: (answer: Buffer) => void
}

export function startBareRelay(
  engineUrl: string,
  say: (address: ReturnType<Server['address']>) => void,
): void {
  const { hostname, port } = new URL(engineUrl)
  const free: Lane[] = []
  const open = (): Lane => {
    const socket = connect(Number(port), hostname).setNoDelay()
    const lane: Lane = { socket, onAnswer: () => {} }
    const answers = new Messages()
    socket.on('data', (chunk: Buffer) => {
      for (const answer of answers.push(chunk)) {
        free.push(lane)
        lane.onAnswer(answer)
      }
    })
    socket.on('error', () => socket.destroy())
    return lane
  }
  const server = createServer((caller) => {
    caller.setNoDelay()
    const requests = new Messages()
    caller.on('data', (chunk: Buffer) => {
      for (const request of requests.push(chunk)) {
        const lane = free.pop() ?? open()
        lane.onAnswer = (answer) => caller.write(answer)
        lane.socket.write(request)
      }
    })
    caller.on('error', () => caller.destroy())
  })
  server.listen(0, '127.0.0.1', () => say(server.address() as AddressInfo))
}
