// A connection that is half open: the node's end is gone and nobody says so. The hub's time is the test's.

import { once } from 'node:events'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { signingPrefix } from '@tutti/core/fleet'
import { didKeyOf, newPrivateKey, signText } from '@tutti/ledger'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { WebSocket } from 'ws'
import { type Hub, openHub } from './hub.ts'
import { openRegistry } from './registry.ts'

const heartbeatMs = 1_000
const key = newPrivateKey()
const registry = openRegistry()
const time = { nowMs: 0, looks: [] as (() => void)[] }
let hub: Hub
let server: Server

beforeAll(async () => {
  hub = openHub({
    feed: {
      newest: async () => null,
      consistency: async (fromSize, toSize) => ({ fromSize, toSize, hashes: [] }),
    },
    loadNode: async () => ({ publicKey: didKeyOf(key), labels: {}, cordoned: false }),
    identity: { sign: () => '' },
    ...{ registry, heartbeatMs, log: { info: () => {}, warn: () => {} } },
    clock: {
      nowMs: () => time.nowMs,
      steadyMs: () => time.nowMs,
      schedule: (delayMs, call) => {
        if (delayMs === heartbeatMs) time.looks.push(call)
        return () => {}
      },
    },
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

async function connect(id: string): Promise<WebSocket> {
  const node = new WebSocket(`ws://127.0.0.1:${(server.address() as AddressInfo).port}`)
  const [data] = await once(node, 'message')
  const nonce = 'n'.repeat(32)
  const text = `${JSON.parse(String(data)).nonce}\n${nonce}`
  const signature = signText(key, signingPrefix.hello, text)
  const hello = { type: 'hello', protocol: 1, node: id, nonce, signature, checkpointSize: 0 }
  node.send(JSON.stringify(hello))
  await once(node, 'message')
  return node
}

/** The hub looks once, at that time. */
function lookAt(nowMs: number): void {
  time.nowMs = nowMs
  for (const look of time.looks.splice(0)) look()
}

test('I4: a half-open connection is ended after two and a half heartbeats, one that beats is not', async () => {
  const silent = await connect('silent')
  const alive = await connect('alive')
  const beat = async (sequence: number) => {
    const load = { inflight: 0, cpu: 0, memoryUsedBytes: 0 }
    alive.send(JSON.stringify({ type: 'heartbeat', sequence, load, telemetry: [] }))
    await vi.waitUntil(() => registry.get('alive')?.seenMs === time.nowMs)
  }
  lookAt(1_000)
  await beat(0)
  lookAt(2_400)
  expect(registry.get('silent')?.connected).toBe(true)
  await beat(1)
  const ended = once(silent, 'close')
  lookAt(2_600)
  await ended
  await vi.waitUntil(() => registry.get('silent')?.connected === false)
  expect(registry.get('alive')?.connected).toBe(true)
  alive.terminate()
})
