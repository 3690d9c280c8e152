// tutti comparisons as a person runs it, against a gateway whose Route has a shadow.

import { createHash } from 'node:crypto'
import { createServer, type Server } from 'node:http'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { file, folder, main, tutti } from './cli-bed.fixture.ts'
import { summaryOf } from './commands/describe-comparisons.ts'
import { type RunningPart, runPart } from './home/index.ts'

const price = { inputPerMillion: 1, outputPerMillion: 1 }
/** What the shadow says, in this order; then it fails. */
const said = ['it is so', 'it is not so']
let engine: Server
let gateway: RunningPart

beforeAll(async () => {
  engine = createServer((request, response) => {
    request.resume().on('end', () => {
      const isShadow = request.url?.startsWith('/shadow/') === true
      const content = isShadow ? said.shift() : 'it is so'
      if (content === undefined) return response.writeHead(500).end('{}')
      const usage = { prompt_tokens: 40, completion_tokens: 10, total_tokens: 50 }
      const message = { role: 'assistant', content }
      const choices = [{ index: 0, message, finish_reason: 'stop' }]
      const body = { id: 'c', object: 'chat.completion', choices, usage }
      response.setHeader('content-type', 'application/json').end(JSON.stringify(body))
    })
  })
  await new Promise<void>((resolve) => engine.listen(0, '127.0.0.1', resolve))
  const address = engine.address()
  const port = typeof address === 'object' && address !== null ? address.port : 0
  const document = (kind: string, name: string, spec: object) =>
    JSON.stringify({ apiVersion: 'tutti/v1', kind, metadata: { name }, spec })
  const providers = ['live', 'shadow'].map((name) => {
    const baseUrl = `http://127.0.0.1:${port}/${name}/v1`
    return document('Provider', name, { dialect: 'openai', baseUrl, allowPrivateNetwork: true })
  })
  const shadow = { target: { provider: 'shadow', model: 'm', price } }
  const targets = [{ provider: 'live', model: 'm', price }]
  const hash = `sha256:${createHash('sha256').update('secret').digest('hex')}`
  const documents = [
    ...providers,
    document('Route', 'chat', { targets, shadow, attemptsMax: 1 }),
    document('Key', 'app', { owner: 'app', hash }),
  ]
  const config = file('gateway.json', documents.join('\n---\n'))
  const home = join(folder, 'gateway')
  const args = ['gateway', '--config', config, '--home', home, '--port', '0']
  const logs = join(folder, 'logs')
  gateway = await runPart({ name: 'gateway', args }, logs, () => {}, new URL(`file://${main}`))
})
afterAll(async () => {
  await gateway.stop()
  engine.close()
})

const comparisons = (...args: readonly string[]) =>
  tutti('comparisons', '--gateway', gateway.url, '--key', 'secret', ...args)

test('each comparison is a line, and each Route has a row that tells how they went in all', async () => {
  expect((await comparisons()).out).toBe('no shadow was asked lately (see shadow of a Route)\n')
  for (const count of [1, 2, 3]) {
    const body = JSON.stringify({ model: 'chat', messages: [{ role: 'user', content: 'q' }] })
    const headers = { authorization: 'Bearer secret' }
    const asked = { method: 'POST', headers, body }
    expect((await fetch(`${gateway.url}/v1/chat/completions`, asked)).status).toBe(200)
    const told = async () => (await comparisons('--json')).out.split('\n').length - 1
    await expect.poll(told).toBe(count)
  }
  const lines = (await comparisons('--limit', '10')).out
    .replaceAll(/^[\d:.]{12} /gm, '')
    .replaceAll(/\d+ ms,/g, 'n ms,')
    .replaceAll(/\d+ -> \d+/g, 'n -> n')
    .replaceAll(/ {3,}/g, '  ')
    .trim()
    .split('\n')
  const live = 'live/m n ms, $0.000050'
  const shadow = 'shadow shadow/m n ms, $0.000050'
  expect(lines).toEqual([
    `chat: the same; ${live}; ${shadow}`,
    `chat: 75.0 % alike; ${live}; ${shadow}`,
    `chat: the shadow failed (failing); ${live}; shadow nobody n ms, $0.000000`,
    '',
    'route  compared  same  alike  failed  p50 ms  cost',
    'chat  2 of 3  50.0 %  87.5 %  1 (failing 1)  n -> n  $0.000150 -> $0.000100',
  ])
})

test('what is not told is not reckoned with, and what is nearly the same is not the same', () => {
  const took = (ms: number, costNanos: number | null) => ({ targets: ['a/m'], ms, costNanos })
  const one = { atMs: 0, route: 'b', live: took(10, 1_000_000), shadow: took(20, null) }
  const nothing = { ...one, failure: null, isSame: null, similarity: null }
  const nearly = { ...one, failure: null, isSame: false, similarity: 0.99999 }
  const other = { ...nearly, route: 'a', similarity: null }
  const rows = summaryOf([nothing, nearly, other]).split('\n')
  expect(rows.map((row) => row.split(/ {3,}/))).toEqual([
    ['route', 'compared', 'same', 'alike', 'failed', 'p50 ms', 'cost'],
    ['a', '1 of 1', '0.0 %', '0', '10 -> 20', '$0.001000 -> $0.000000+'],
    ['b', '1 of 2', '0.0 %', '99.9 %', '0', '10 -> 20', '$0.002000 -> $0.000000+'],
  ])
})
