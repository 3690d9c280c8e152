// Who may not open a WebSocket, or no more of them, and does not wait to hear so.

import type { IncomingMessage } from 'node:http'
import { Duplex } from 'node:stream'
import { expect, test } from 'vitest'
import { digest, key, snapshotOf } from '../gateway-world.fixture.ts'
import { makeDirectory } from '../routing/index.ts'
import type { FacePorts } from './exchange.ts'
import { HostGuard } from './host-guard.ts'
import { ResponseSockets } from './response-sockets.ts'

test('who is refused and gone before he hears it ends nothing but his connection', async () => {
  const ports = { guard: new HostGuard([]), directory: () => null, nowMs: () => 0 }
  const sockets = new ResponseSockets(ports as unknown as FacePorts)
  const gone = new Duplex({ read: () => {}, write: (_, __, done) => done(new Error('ECONNRESET')) })
  const closed = new Promise<void>((resolve) => gone.once('close', resolve))
  const request = { method: 'GET', url: '/v1/responses', headers: { host: 'localhost' } }
  sockets.handleUpgrade(request as IncomingMessage, gone, Buffer.alloc(0))
  await closed
  expect(gone.destroyed).toBe(true)
})

test('a key that has as many as one may have gets no more, and another one does (D1)', async () => {
  const owned = { project: 'default', owner: 'app' }
  const keys = [key, 'tutti_other_key'].map((secret) => ({
    ...{ id: secret, hash: digest(secret) },
    ...owned,
  }))
  const directory = makeDirectory(snapshotOf({ keys }))
  const ports = { guard: new HostGuard([]), directory: () => directory, nowMs: () => 0 }
  const sockets = new ResponseSockets(ports as unknown as FacePorts)
  const openAs = (secret: string) => {
    let said = ''
    const socket = new Duplex({
      read: () => {},
      write: (bytes, _, done) => {
        said += bytes
        done()
      },
    })
    const headers = {
      ...{ host: 'localhost', authorization: `Bearer ${secret}`, upgrade: 'websocket' },
      ...{ 'sec-websocket-key': 'dGhlIHNhbXBsZSBub25jZQ==', 'sec-websocket-version': '13' },
    }
    const request = { method: 'GET', url: '/v1/responses', headers }
    sockets.handleUpgrade(request as unknown as IncomingMessage, socket, Buffer.alloc(0))
    return { socket, status: () => said.split(' ')[1] }
  }
  const opened = Array.from({ length: 512 }, () => openAs(key))
  expect(new Set(opened.map(({ status }) => status()))).toEqual(new Set(['101']))
  expect(openAs(key).status()).toBe('429')
  const other = openAs('tutti_other_key')
  expect(other.status()).toBe('101')
  const [first] = opened
  const gone = new Promise((resolve) => first?.socket.once('close', resolve))
  first?.socket.destroy()
  await gone
  const again = openAs(key)
  expect(again.status()).toBe('101')
  for (const { socket } of [...opened, other, again]) socket.destroy()
})
