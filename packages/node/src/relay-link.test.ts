// What a node proves to a gateway that it dials, and how often.

import type { AddressInfo } from 'node:net'
import { relayProof } from '@tutti/core/routing'
import { afterEach, expect, test } from 'vitest'
import { type WebSocket, WebSocketServer } from 'ws'
import { RelayLink } from './routing/relay-link.ts'

const cleanups: (() => void)[] = []
afterEach(() => {
  for (const cleanup of cleanups.splice(0)) cleanup()
})

/** A node dials a gateway that is the test's. */
async function dialled() {
  const server = new WebSocketServer({ port: 0, host: '127.0.0.1' })
  await new Promise((resolve) => server.once('listening', resolve))
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const signed: string[] = []
  const come = new Promise<WebSocket>((resolve) => server.once('connection', resolve))
  const link = new RelayLink({
    ...{ url, grant: () => 'grant', serve: () => {}, log: () => {} },
    sign: (_, text) => {
      signed.push(text)
      return 'signature'
    },
  })
  cleanups.push(
    () => link.stop(),
    () => server.close(),
  )
  return { url, signed, link, server, socket: await come }
}

const challenge = 'c'.repeat(32)
const said = (socket: WebSocket) =>
  new Promise((resolve) => socket.once('message', (data) => resolve(JSON.parse(String(data)))))
const closed = (socket: WebSocket) => new Promise((resolve) => socket.once('close', resolve))

test('a node signs the challenge together with the URL that it dialled (K2)', async () => {
  const { url, signed, socket } = await dialled()
  const hello = said(socket)
  socket.send(JSON.stringify({ challenge }))
  expect(await hello).toEqual({ grant: 'grant', signature: 'signature' })
  expect(signed).toEqual([relayProof(challenge, url)])
})

test.each([
  ['before it is taken in', [{ challenge }]],
  ['after it is taken in', [{ challenge }, { ready: true }]],
])('a gateway that asks for another proof %s gets none (K2)', async (_, before) => {
  const { signed, socket } = await dialled()
  const end = closed(socket)
  for (const message of [...before, { challenge: 'd'.repeat(32) }]) {
    socket.send(JSON.stringify(message))
  }
  await end
  expect(signed).toHaveLength(1)
})

test('a gateway that takes a node in unasked is left', async () => {
  const { socket } = await dialled()
  const end = closed(socket)
  socket.send(JSON.stringify({ ready: true }))
  await end
})

test('one that is not wanted any more lasts until its gateway ends it, and comes back when it is wanted (K4)', async () => {
  const { link, server, socket } = await dialled()
  socket.send(JSON.stringify({ challenge }))
  await said(socket)
  link.want(false)
  const pong = new Promise((resolve) => socket.once('pong', resolve))
  socket.ping()
  await pong // it is there
  expect(link.isThere).toBe(true)

  socket.close()
  while (link.isThere) await new Promise(setImmediate)
  const again = new Promise<WebSocket>((resolve) => server.once('connection', resolve))
  link.want(true)
  await again
  expect(link.isThere).toBe(true)
})

test('one that is stopped is gone at once', async () => {
  const { link, socket } = await dialled()
  const end = closed(socket)
  link.stop()
  await end
})
