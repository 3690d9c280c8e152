// A gateway without a control plane: the same limits and the same money, kept in a file through kill -9.

import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { routeSpec, type Snapshot } from '@tutti/core/routing'
import { expect, test } from 'vitest'
import { cleanups, digest, key, newFolder, serve, snapshotOf } from '../gateway-world.fixture.ts'
import { startGateway } from '../start.ts'
import { startFilePlane } from './file-plane.ts'

function declared(baseUrl: string, sequence: number, limitDollars: number): Snapshot {
  const price = { inputPerMillion: 1, outputPerMillion: 1 }
  return snapshotOf({
    sequence,
    keys: [{ id: 'app', hash: digest(key), project: 'default', owner: 'app' }],
    routes: [
      {
        ...{ name: 'chat', project: 'default' },
        ...routeSpec.parse({ targets: [{ provider: 'engine', model: 'llama', price }] }),
      },
    ],
    providers: [
      { name: 'engine', project: 'default', dialect: 'openai', baseUrl, allowPrivateNetwork: true },
    ],
    budgets: [{ name: 'b', project: 'default', limitDollars, window: 'total' }],
  })
}

test('a gateway serves from it, spends no more, and takes another snapshot while it serves', async () => {
  const usage = { prompt_tokens: 40, completion_tokens: 10, total_tokens: 50 }
  const choices = [
    { index: 0, message: { role: 'assistant', content: 'x' }, finish_reason: 'stop' },
  ]
  const engine = await serve((_, response) => {
    response.writeHead(200, { 'content-type': 'application/json' })
    response.end(JSON.stringify({ id: 'c', object: 'chat.completion', choices, usage }))
  })
  const folder = newFolder()
  const leases = join(folder, 'leases.json')
  const base = `${engine.url}/v1`
  const plane = await startFilePlane({ snapshot: declared(base, 1, 0.001), folder })
  cleanups.push(() => plane.stop())
  const waiters: (() => void)[] = []
  const nextSnapshot = () => new Promise<void>((resolve) => waiters.push(resolve))
  const first = nextSnapshot()
  const gateway = await startGateway({
    ...{ host: '127.0.0.1', port: 0, folder, version: 'test', controlPlane: plane.controlPlane },
    log: (event) => {
      if (event === 'snapshot') for (const wake of waiters.splice(0)) wake()
    },
  })
  cleanups.push(() => gateway.stop())
  await first
  const ask = async () => {
    const { status } = await fetch(`${gateway.url}/v1/chat/completions`, {
      method: 'POST',
      headers: { authorization: `Bearer ${key}` },
      body: JSON.stringify({ model: 'chat', messages: [], max_tokens: 10 }),
    })
    return status
  }
  const statuses: number[] = []
  for (let i = 0; i < 30; i++) statuses.push(await ask())
  const paid = statuses.filter((status) => status === 200).length
  expect(paid).toBeGreaterThan(0)
  expect(paid * 50_000).toBeLessThanOrEqual(1_000_000) // of 0.001 dollars, at 50 µ$ a call
  expect(statuses.at(-1)).toBe(429)
  const refused = async () => {
    const headers = { authorization: `Bearer ${key}` }
    const text = await (await fetch(`${gateway.url}/metrics`, { headers })).text()
    return /^tutti_gateway_snapshot_refused (\d)$/m.exec(text)?.[1]
  }
  plane.refuse()
  await expect.poll(refused).toBe('1') // until the file is one again
  const second = nextSnapshot()
  plane.swap(declared(base, 2, 1))
  await second
  expect(await refused()).toBe('0')
  await expect.poll(ask).toBe(200) // who was refused is asked for once a second
  expect(readFileSync(leases, 'utf8')).toContain('tutti/leases/v2')
  expect((await fetch(`${plane.controlPlane.url}/api/v1/snapshot`)).status).toBe(401)
})
