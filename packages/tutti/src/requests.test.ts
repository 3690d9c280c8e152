// tutti requests as a person runs it, against a gateway's answer on loopback.

import { execFile } from 'node:child_process'
import { createServer, type Server } from 'node:http'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, expect, test } from 'vitest'

const main = fileURLToPath(new URL('../dist/main.js', import.meta.url))
const record = {
  ...{ atMs: Date.UTC(2026, 0, 2, 3, 4, 5, 6), id: 'r1', project: 'default', key: 'app' },
  ...{ route: 'chat', targets: ['engine/llama'], status: 200, attempts: 1, ms: 41.7 },
  ...{ inputTokens: 30, outputTokens: 12, cachedTokens: 0, costNanos: 180_000, isEstimated: false },
}
const kept = {
  ...{ entry: 'e', id: 'r1', project: 'default', key: 'app', route: 'chat', record },
  ...{ atMs: record.atMs, expiresAtMs: record.atMs + 86_400_000 },
  input: { text: '{"model":"chat","messages":[]}', isCut: false },
  output: { text: '{"id":"c","cho', isCut: true },
}
const usage = {
  ...{ since: 0, until: 1, by: ['key'] },
  rows: [
    {
      ...{ key: 'app', requests: 3, failed: 1, inputTokens: 30, outputTokens: 12, cachedTokens: 4 },
      ...{ costDollars: 0.0125, unpriced: 2 },
    },
  ],
}
const asked: { url: string | undefined; authorization: string | undefined }[] = []
let server: Server
let url = ''

beforeAll(async () => {
  server = createServer((request, response) => {
    if (request.url?.startsWith('/api/v1/requests/') === true) {
      asked.push({ url: request.url, authorization: request.headers.authorization })
      const isKept = request.url.includes('r1')
      const error = { code: 'api/forbidden', message: 'denied by projects: it is not yours' }
      response.writeHead(isKept ? 200 : 403, { 'content-type': 'application/json' })
      return response.end(JSON.stringify(isKept ? { items: [kept] } : { error }))
    }
    if (request.url === '/v1/requests/r2') return response.end(JSON.stringify(record))
    if (request.url?.startsWith('/v1/requests/') === true) return response.writeHead(404).end()
    if (request.url?.startsWith('/api/v1/usage') === true) {
      asked.push({ url: request.url, authorization: request.headers.authorization })
      return response.end(JSON.stringify(usage))
    }
    asked.push({ url: request.url, authorization: request.headers.authorization })
    if (request.url?.includes('project=other') === true) {
      const error = { code: 'another_project', message: 'this key is of Project default' }
      return response.writeHead(403).end(JSON.stringify({ error }))
    }
    if (request.headers.authorization !== 'Bearer k') return response.writeHead(401).end('no')
    const findings = [{ side: 'input', kind: 'card', detector: 'luhn', action: 'redact', count: 2 }]
    const found = { ...record, costNanos: null, targets: [], arm: 'new', findings }
    const text = `${JSON.stringify(record)}\n\n${JSON.stringify(found)}\n`
    response.write(text.slice(0, 50), () => response.end(text.slice(50)))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  url = `http://127.0.0.1:${typeof address === 'object' && address !== null ? address.port : 0}`
})
afterAll(() => {
  server.close()
})

function requests(...args: readonly string[]): Promise<{ out: string; err: string }> {
  const all = [main, 'requests', '--gateway', url, ...args]
  const { TUTTI_URL: _, ...known } = process.env
  const env = { ...known, TUTTI_HOME: '/nonexistent' } // no control plane is known, nor needed
  return new Promise((resolve) => {
    execFile(process.execPath, all, { env }, (_, out, err) => resolve({ out, err }))
  })
}

test('another Project than that of the key is the gateway’s to refuse, in its own words', async () => {
  const { out, err } = await requests('--key', 'k', '-p', 'other')
  expect(asked.at(-1)?.url).toBe('/v1/requests?limit=20&follow=false&project=other')
  expect(err).toContain('the gateway answered 403: this key is of Project default [')
  expect(out).toBe('')
})

test('each request is one line: when, how, by whom, for whom, what it cost', async () => {
  const { out, err } = await requests('--key', 'k', '--follow')
  expect(err).toContain('the gateway has ended the list') // which is no end for who follows
  expect(out.trim().split('\n')).toEqual([
    '03:04:05.006 200 chat by engine/llama for app: 42 ms, 30+12 tokens, $0.000180',
    '03:04:05.006 200 chat by nobody (arm new) for app: 42 ms, 30+12 tokens, price unknown; input: redact 2 card',
  ])
  expect(asked.at(-1)?.url).toBe('/v1/requests?limit=20&follow=true')
})

test('who follows goes on where the list breaks off, and is told nothing twice', async () => {
  const of = (id: string, atMs: number) => `${JSON.stringify({ ...record, id, atMs })}\n`
  const lists = [
    { text: of('b', 2) + of('c', 3), isCut: true },
    { text: of('a', 1) + of('b', 2) + of('c', 3) + of('d', 4), isCut: true },
    { text: of('d', 4) + of('e', 5), isCut: false },
  ]
  const limits: (string | null)[] = []
  const given = createServer((request, response) => {
    limits.push(new URL(request.url ?? '', 'http://gateway').searchParams.get('limit'))
    const { text = '', isCut = false } = lists.shift() ?? {}
    response.write(text, () => (isCut ? response.destroy() : response.end()))
  })
  await new Promise<void>((resolve) => given.listen(0, '127.0.0.1', resolve))
  const address = given.address()
  const port = typeof address === 'object' && address !== null ? address.port : 0
  const at = ['--gateway', `http://127.0.0.1:${port}`]
  const { out, err } = await requests(...at, '--key', 'k', '-f', '--limit', '2', '--json')
  given.close()
  const lines = out.trim().split('\n')
  const ids = lines.map((line) => JSON.parse(line).id)
  expect(ids).toEqual(['b', 'c', 'd', 'e'])
  expect(limits).toEqual(['2', '100', '100'])
  expect(err.match(/the list broke off: asking again/g)).toHaveLength(2)
  expect(err).toContain('the gateway has ended the list')
})

test('--json prints the records as they are; a refusal is said', async () => {
  const { out } = await requests('--key', 'k', '--json')
  expect(JSON.parse(out.split('\n')[0] ?? '')).toEqual(record)
  expect((await requests('--key', 'wrong')).err).toContain('401')
  const away = await requests('--key', 'k', '--gateway', 'http://127.0.0.1:1')
  expect(away.err).toContain('no gateway answers at http://127.0.0.1:1: is it up')
  const unknown = await requests('show', 'r9', '--key', 'k')
  expect(unknown.err).toMatch(
    /r9 is not known here. the gateway: .*no control plane is known here/s,
  )
})

test('tutti requests show has all of one: its record, and the bodies that this key may read', async () => {
  const show = (...args: readonly string[]) =>
    new Promise<{ out: string; err: string }>((resolve) => {
      const all = [main, 'requests', 'show', ...args, '--gateway', url, '--url', url, '--key', 'k']
      execFile(process.execPath, all, (_, out, err) => resolve({ out, err }))
    })
  expect((await show('r1', '-p', 'team')).out.trim().split('\n')).toEqual([
    '03:04:05.006 200 chat by engine/llama for app: 42 ms, 30+12 tokens, $0.000180',
    '',
    'kept from 2026-01-02T03:04:05.006Z until 2026-01-03T03:04:05.006Z',
    ...['input:', '{', '  "model": "chat",', '  "messages": []', '}'],
    ...['output (its beginning):', '{"id":"c","cho'],
  ])
  expect(asked.at(-1)?.url).toBe('/api/v1/requests/r1?project=team')
  const { why, ...refused } = JSON.parse((await show('r2', '--json')).out)
  expect([refused, why]).toEqual([{ record, kept: [] }, 'denied by projects: it is not yours'])
})

test('tutti usage tells what was used and what it cost, in the dimensions that are asked for', async () => {
  const run = (...args: readonly string[]) =>
    new Promise<{ out: string; err: string }>((resolve) => {
      const all = [main, 'usage', '--url', url, '--key', 'k', '-p', 'team', ...args]
      execFile(process.execPath, all, (_, out, err) => resolve({ out, err }))
    })
  const { out } = await run('--by', 'key', '--since', '2026-01-02T00:00:00Z')
  const [, line = ''] = out.trim().split('\n')
  expect(line.split(/ {2,}/)).toEqual(['app', '3', '1', '30', '12', '4', '$0.0125+'])
  const since = Date.UTC(2026, 0, 2)
  expect(asked.at(-1)?.url).toBe(`/api/v1/usage?by=key&since=${since}&project=team`)
  expect(JSON.parse((await run('--json')).out)).toEqual(usage)
  expect((await run('--since', 'soon')).err).toContain('tutti/argument-invalid')
})

test('tutti usage asks a gateway of the project of its key, where no control plane is known', async () => {
  const { TUTTI_URL: _, TUTTI_PROJECT: __, ...known } = process.env
  const env = { ...known, TUTTI_HOME: '/nonexistent', TUTTI_KEY: 'k' }
  const run = (...args: readonly string[]) =>
    new Promise<{ out: string; err: string }>((resolve) => {
      const all = [main, 'usage', '--since', '2026-01-02T00:00:00Z', ...args]
      execFile(process.execPath, all, { env }, (_, out, err) => resolve({ out, err }))
    })
  const { out } = await run('--gateway', `${url}/`, '--by', 'key')
  expect(out).toContain('$0.0125+')
  const asking = `/api/v1/usage?by=key&since=${Date.UTC(2026, 0, 2)}`
  expect(asked.at(-1)).toEqual({ url: asking, authorization: 'Bearer k' })
  expect(JSON.parse((await run('--gateway', url, '--by', 'key', '-p', 'a', '--json')).out)).toEqual(
    usage,
  )
  expect(asked.at(-1)?.url).toBe(`${asking}&project=a`)
  await run('--gateway', url, '--by', 'key', '-p', 'a', '-A')
  expect(asked.at(-1)?.url).toBe(asking)
  const away = await run('--gateway', 'http://127.0.0.1:1')
  expect(away.err).toContain('no gateway answers at http://127.0.0.1:1: is it up')
  expect((await run()).err).toContain('tutti/no-context')
})
