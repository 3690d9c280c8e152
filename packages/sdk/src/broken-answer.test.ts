import { createServer } from 'node:http'
import { expect, test } from 'vitest'
import { Client } from './client.ts'

test('an answer that breaks off is said as one, with what was asked of whom', async () => {
  const server = createServer((_, response) => {
    response.writeHead(200, { 'content-length': '100' })
    response.write('{"items": [', () => response.destroy())
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  const port = typeof address === 'object' && address !== null ? address.port : 0
  const client = new Client({ url: `http://127.0.0.1:${port}`, key: 'k' })
  await expect(client.list('nodes')).rejects.toMatchObject({
    code: 'sdk/unreachable',
    message: expect.stringContaining(`http://127.0.0.1:${port} to GET /nodes broke off`),
  })
  server.close()
})
