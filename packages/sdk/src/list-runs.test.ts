import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { Client } from './client.ts'

const total = 1_203
const asked: string[] = []
const server = createServer((request, response) => {
  const { searchParams } = new URL(request.url ?? '', 'http://h')
  asked.push(searchParams.get('limit') ?? '')
  const first = Number(searchParams.get('after') ?? 0)
  const count = Math.min(Number(searchParams.get('limit')), total - first)
  const items = Array.from({ length: count }, (_, index) => ({
    ...{ id: `${first + index}`, project: 'p', workflow: 'n.w:1', status: 'waiting', labels: {} },
    ...{ startedAtMs: 0, updatedAtMs: 0, wakeAtMs: null, outcome: null },
    cursor: `${first + index + 1}`,
  }))
  const next = first + count < total ? `${first + count}` : null
  response.end(JSON.stringify({ items, next }))
})
const client = () => {
  const { port } = server.address() as AddressInfo
  return new Client({ url: `http://127.0.0.1:${port}`, key: 'k' })
}

beforeAll(() => new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve)))
afterAll(() => server.close())

test('as many runs as one wants are read, in pages that the control plane gives', async () => {
  const runs = await client().runs({ limit: 5_000 })
  expect(runs.map(({ id }) => id)).toEqual(Array.from({ length: total }, (_, id) => `${id}`))
  expect(asked.splice(0)).toEqual(['500', '500', '500'])
  expect(await client().runs({ limit: 501, after: '700' })).toHaveLength(501)
  expect(asked.splice(0)).toEqual(['500', '1'])
  expect(await client().runs()).toHaveLength(50)
})
