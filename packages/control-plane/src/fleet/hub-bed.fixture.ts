// Hub bed
//
// A hub over real sockets, without a database: one key is every node's, and nothing is assigned.

import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { NodeSpec } from '@tutti/core/fleet'
import { signingPrefix } from '@tutti/core/resource'
import { didKeyOf, newPrivateKey, signText } from '@tutti/ledger'
import { WebSocket } from 'ws'
import { type HubPorts, openHub } from './hub.ts'
import { openRegistry } from './registry.ts'

export type HubBed = Awaited<ReturnType<typeof openHubBed>>

const key = newPrivateKey()
export const nodeSpec: NodeSpec = { publicKey: didKeyOf(key), labels: {}, cordoned: false }

/** `of` says what this test is about. */
export async function openHubBed(
  of: Pick<HubPorts, 'clock' | 'heartbeatMs'> & Partial<Pick<HubPorts, 'loadNode'>>,
) {
  const registry = openRegistry()
  const hub = openHub({
    feed: {
      newest: async () => null,
      consistency: async (fromSize, toSize) => ({ fromSize, toSize, hashes: [] }),
    },
    loadNode: async () => nodeSpec,
    identity: { sign: () => '' },
    registry,
    log: { info: () => {}, warn: () => {} },
    onChange: () => {},
    onFacts: () => {},
    ...of,
  })
  const server = createServer()
  server.on('upgrade', (request, socket, head) => hub.handleUpgrade(request, socket, head))
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const url = `ws://127.0.0.1:${(server.address() as AddressInfo).port}`
  return {
    ...{ hub, registry, server },
    /** A connection as this node's that has said hello and has had no answer yet. */
    greet: async (node: string): Promise<WebSocket> => {
      const socket = new WebSocket(url)
      const [data] = await once(socket, 'message')
      socket.send(helloTo(String(data), node))
      return socket
    },
    stop: async () => {
      await hub.stop()
      server.close()
    },
  }
}

/** What a node answers to a challenge. */
export function helloTo(challenge: string, node: string): string {
  const nonce = 'n'.repeat(32)
  const text = `${JSON.parse(challenge).nonce}\n${nonce}`
  const signature = signText(key, signingPrefix.hello, text)
  return JSON.stringify({ type: 'hello', protocol: 1, node, nonce, signature, checkpointSize: 0 })
}
