// A machine whose only way out is a proxy, as processes: the name of the control plane means something to the proxy alone.

import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { createServer } from 'node:http'
import { type AddressInfo, connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Client } from '@tutti/sdk'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { type RunningPart, runPart } from './home/index.ts'

const main = new URL('../dist/main.js', import.meta.url)
const folder = mkdtempSync(join(tmpdir(), 'tutti-proxy-'))
const home = join(folder, 'home')
const parts: RunningPart[] = []
const proxy = createServer()
let tunnels = 0

const run = async (name: string, args: readonly string[]) => {
  const part = { name, args: [...args, '--home', home] }
  parts.unshift(await runPart(part, join(folder, 'logs'), () => {}, main))
}

beforeAll(async () => {
  proxy.on('connect', ({ url }, socket) => {
    tunnels += 1
    const there = connect(Number(url?.split(':').at(-1)), '127.0.0.1', () => {
      socket.write('HTTP/1.1 200 OK\r\n\r\n')
      there.pipe(socket).pipe(there)
    })
    for (const one of [socket, there]) one.on('error', () => there.destroy())
  })
  await new Promise<void>((resolve) => proxy.listen(0, '127.0.0.1', resolve))
  await run('control-plane', ['control-plane', '--port', '0', '--host-name', 'plane.test'])
})

afterAll(async () => {
  for (const part of parts) await part.stop()
  proxy.close()
  vi.unstubAllEnvs()
  rmSync(folder, { recursive: true, force: true })
})

test('a node joins and stays connected through the proxy that HTTP_PROXY names', async () => {
  const { port } = new URL(parts[0]?.url ?? '')
  const { admin } = JSON.parse(readFileSync(join(home, 'credentials.json'), 'utf8'))
  const client = new Client({ url: `http://127.0.0.1:${port}`, key: admin })
  const { token } = await client.makeToken({})
  for (const name of ['http_proxy', 'no_proxy', 'NO_PROXY']) vi.stubEnv(name, '')
  vi.stubEnv('HTTP_PROXY', `http://127.0.0.1:${(proxy.address() as AddressInfo).port}`)
  const url = `http://plane.test:${port}`
  await run('node', ['join', url, '--token', token, '--name', 'behind', '--threads', '1'])
  const node = () => client.get({ kind: 'nodes', name: 'behind' })
  await expect.poll(async () => (await node()).status).toMatchObject({ connected: true })
  expect(tunnels).toBeGreaterThan(1) // to join, and to stay
})

test('a gateway follows its control plane through the proxy that HTTP_PROXY names', async () => {
  const { port } = new URL(parts.at(-1)?.url ?? '')
  const { admin, gateway } = JSON.parse(readFileSync(join(home, 'credentials.json'), 'utf8'))
  const before = tunnels
  await run('gateway', [
    ...['gateway', '--url', `http://plane.test:${port}`, '--key', gateway, '--port', '0'],
  ])
  const models = () =>
    fetch(`${parts[0]?.url}/v1/models`, { headers: { authorization: `Bearer ${admin}` } })
  // 503 while it has no configuration.
  await expect.poll(async () => (await models()).status).toBe(200)
  expect(tunnels).toBeGreaterThan(before)
})
