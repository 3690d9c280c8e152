import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { didKeyOf, newPrivateKey, signerKeyFromSeed } from '@tutti/ledger'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { startNode } from './start.ts'

const folder = mkdtempSync(join(tmpdir(), 'tutti-node-'))

beforeAll(() => {
  const identity = {
    name: 'n1',
    privateKey: newPrivateKey().export({ type: 'pkcs8', format: 'pem' }).toString(),
    url: 'http://127.0.0.1:9', // nobody: it serves without
    controlPlane: didKeyOf(newPrivateKey()),
    ledger: signerKeyFromSeed('tutti.test/log', new Uint8Array(32), 'note').verifier.vkey,
    localKey: 'tutti_local_test',
  }
  writeFileSync(join(folder, 'identity.json'), JSON.stringify(identity))
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))

const start = async () => {
  const node = await startNode({ folder, host: '127.0.0.1', port: 0, version: '1', log: () => {} })
  return { stop: node.stop, port: Number(new URL(node.url).port) }
}

test('a node that may take any port keeps the one it had, as long as it is free', async () => {
  const first = await start()
  await first.stop()
  const second = await start()
  expect(second.port).toBe(first.port)
  await second.stop()

  const other = createServer()
  await new Promise<void>((resolve) => other.listen(first.port, '127.0.0.1', resolve))
  const third = await start()
  expect(third.port).not.toBe(first.port)
  await third.stop()
  await new Promise((resolve) => other.close(resolve))

  const fourth = await start()
  expect(fourth.port).toBe(third.port)
  await fourth.stop()

  writeFileSync(join(folder, 'port'), 'no port')
  const fifth = await start()
  expect(fifth.port).toBeGreaterThan(0)
  await fifth.stop()
})
