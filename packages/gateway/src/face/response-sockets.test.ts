// Who may not open a WebSocket, and does not wait to hear so.

import type { IncomingMessage } from 'node:http'
import { Duplex } from 'node:stream'
import { expect, test } from 'vitest'
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
