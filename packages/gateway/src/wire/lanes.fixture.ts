// Lanes, upstreams that answer as told, and what whoever asked has heard.

import { once } from 'node:events'
import { type AddressInfo, createServer, type Socket } from 'node:net'
import { afterEach } from 'vitest'
import type { AnswerController } from './answer-handler.ts'
import { Batch } from './batch.ts'
import type { Reach } from './dial.ts'
import { Lanes, type UpstreamMessage } from './lanes.ts'

export const cleanups: (() => unknown)[] = []
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup()
})

export const message: UpstreamMessage = {
  method: 'POST',
  path: '/x',
  headers: { a: 'b' },
  body: Buffer.from('hi'),
  connectMs: 60_000,
}
export const ok = 'HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok'

/** An upstream that answers each request on a connection by its number there. */
export async function upstream(
  answer: (socket: Socket, place: number, text: string) => unknown,
  lanesMax?: number,
) {
  let connections = 0
  const sockets = new Set<Socket>()
  const server = createServer((socket) => {
    connections += 1
    sockets.add(socket)
    let place = 0
    socket.on('error', () => {})
    socket.on('data', (bytes) => {
      answer(socket, place, bytes.toString('latin1'))
      place += 1
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const lanes = new Lanes(new Batch(), {}, lanesMax)
  cleanups.push(() => {
    lanes.stop()
    for (const socket of sockets) socket.destroy()
    return new Promise((resolve) => server.close(resolve))
  })
  const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  return { lanes, origin, connections: () => connections }
}

/** Each connection to it is dialled once its name is found. */
export async function named(answer: Parameters<typeof upstream>[0], lanesMax?: number) {
  const { origin, connections } = await upstream(answer)
  const asked: (() => void)[] = []
  let isFree = 0
  const next = () => {
    while (isFree > 0 && asked.length > 0) {
      isFree -= 1
      asked.shift()?.()
    }
  }
  const reach: Reach = {
    lookup: (_name, _options, found) => {
      asked.push(() => found(null, [{ address: '127.0.0.1', family: 4 }]))
      next()
    },
  }
  const lanes = new Lanes(new Batch(), reach, lanesMax)
  cleanups.push(() => lanes.stop())
  const found = () => {
    isFree += 1
    next()
  }
  return { lanes, origin: origin.replace('127.0.0.1', 'localhost'), found, asked, connections }
}

export function ask(lanes: Lanes, origin: string, of: Partial<UpstreamMessage> = {}) {
  let isOver = false
  const told: string[] = []
  let controller: AnswerController | null = null
  const ended = new Promise<string>((resolve) => {
    let body = ''
    lanes.dispatch(
      origin,
      { ...message, ...of },
      {
        get isOver() {
          return isOver
        },
        onRequestStart: (given) => {
          controller = given
        },
        onResponseStart: (status) => told.push(String(status)),
        onResponseData: (chunk) => {
          body += chunk.toString('latin1')
        },
        onResponseEnd: () => {
          told.push('end')
          resolve(body)
        },
        onResponseError: (error) => {
          told.push('error')
          resolve(error.message)
        },
      },
    )
  })
  const over = () => {
    isOver = true
  }
  return { ended, told, controller: () => controller, over }
}
