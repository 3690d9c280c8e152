// How servers of tools are asked.

import { gzipSync } from 'node:zlib'
import { expect, test } from 'vitest'
import { serve } from '../gateway-world.fixture.ts'
import { fetchOf } from './fetch-of.ts'

test('asks for no coding, and says of one that comes that nobody asked for it', async () => {
  const asked: unknown[] = []
  const { url } = await serve((request, response) => {
    asked.push(request.headers['accept-encoding'])
    response.writeHead(200, { 'content-type': 'application/json', 'content-encoding': 'gzip' })
    response.end(gzipSync('{}'))
  })
  const entry = { name: 'one', project: 'p', url, allowPrivateNetwork: true }
  const ask = fetchOf({ ...entry, timeoutMs: 60_000, callsMax: 1 })
  await expect(ask(url, { method: 'POST' })).rejects.toThrow('nobody asked for gzip')
  expect(asked).toEqual(['identity'])
})
