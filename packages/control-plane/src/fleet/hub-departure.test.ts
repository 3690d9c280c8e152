// A connection that ends while the hub still looks up who it is, with a store that answers when told.

import { once } from 'node:events'
import { createServer, type Server } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import { signingPrefix } from '@tutti/core/fleet'
import { didKeyOf, newPrivateKey, signText } from '@tutti/ledger'
import { systemClock } from '@tutti/machine'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { WebSocket } from 'ws'
import { type Hub, openHub } from './hub.ts'
import { openRegistry } from './registry.ts'

const key = newPrivateKey()
const registry = openRegistry()
const lookups: (() => void)[] = []
const arrivals: (() => void)[] = []
let hub: Hub
let server: Server

beforeAll(async () => {
  const spec = { publicKey: didKeyOf(key), labels: {}, cordoned: false }
  hub = openHub({
    feed: {
      newest: async () => null,
      consistency: async (fromSize, toSize) => ({ fromSize, toSize, hashes: [] }),
    },
    loadNode: () =>
      new Promise((resolve) => {
        lookups.push(() => resolve(spec))
        for (const one of arrivals.splice(0)) one()
      }),
    identity: { sign: () => '' },
    registry,
    heartbeatMs: 60_000,
    log: { info: () => {}, warn: () => {} },
    clock: { ...systemClock, nowMs: () => 0 },
    onChange: () => {},
    onFacts: () => {},
  })
  server = createServer()
  server.on('upgrade', (request, socket, head) => hub.handleUpgrade(request, socket, head))
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
})

afterAll(async () => {
  await hub.stop()
  server.close()
})

/** Says hello and resolves when the hub looks the node up. */
async function greet(): Promise<{ node: WebSocket; there: Socket }> {
  const accepted = once(server, 'connection')
  const node = new WebSocket(`ws://127.0.0.1:${(server.address() as AddressInfo).port}`)
  const [data] = await once(node, 'message')
  const nonce = 'n'.repeat(32)
  const text = `${JSON.parse(String(data)).nonce}\n${nonce}`
  const signature = signText(key, signingPrefix.hello, text)
  const lookedUp = new Promise<void>((resolve) => arrivals.push(resolve))
  node.send(
    JSON.stringify({
      ...{ type: 'hello', protocol: 1, node: 'n1', nonce, signature, checkpointSize: 0 },
    }),
  )
  await lookedUp
  const [there] = await accepted
  return { node, there }
}

test('I4: a node that left during its lookup is not connected, and gets no session', async () => {
  const { node, there } = await greet()
  const left = once(there, 'close')
  node.terminate()
  await left
  await new Promise((resolve) => setImmediate(resolve)) // the hub hears of it in this turn
  lookups.shift()?.()
  await new Promise((resolve) => setImmediate(resolve))
  expect(registry.get('n1')?.connected ?? false).toBe(false)
})

test('one that stays is connected, until it leaves', async () => {
  const { node, there } = await greet()
  lookups.shift()?.()
  await once(node, 'message')
  expect(registry.get('n1')?.connected).toBe(true)
  const left = once(there, 'close')
  node.terminate()
  await left
  await new Promise((resolve) => setImmediate(resolve))
  expect(registry.get('n1')?.connected).toBe(false)
})
