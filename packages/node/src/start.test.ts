import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { createServer as createTcpServer } from 'node:net'
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

test('a node that listens on no port lasts while nobody is there', async () => {
  const nobody = createTcpServer((socket) => socket.destroy())
  await new Promise<void>((resolve) => nobody.listen(0, '127.0.0.1', resolve))
  const address = nobody.address()
  const port = typeof address === 'object' ? address?.port : undefined
  const dist = new URL('../dist/index.js', import.meta.url).href
  const about = { folder, host: '127.0.0.1', port: 0, listens: false, version: '1' }
  const options = JSON.stringify({ ...about, controlPlaneUrl: `http://127.0.0.1:${port}` })
  const script = `import { startNode } from '${dist}'; await startNode(${options})`
  const child = spawn(process.execPath, ['--input-type=module', '-e', script], { stdio: 'ignore' })
  const gone = once(child, 'exit').then(() => 'gone')
  let tries = 0
  const triedAgain = new Promise((resolve) => {
    nobody.on('connection', () => {
      tries += 1
      if (tries === 3) resolve('tried again')
    })
  })
  expect(await Promise.race([triedAgain, gone])).toBe('tried again')
  child.kill('SIGKILL')
  await gone
  nobody.close()
})
