import { createHash } from 'node:crypto'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { startConnectProxy } from '../../../machine/src/connect-proxy.fixture.ts'
import { ActFailed } from './act.ts'
import { callHttp, httpArguments } from './call-http.ts'
import { callOpenapi } from './call-openapi.ts'
import type { Caller } from './caller.ts'
import { type Egress, openEgress, openReach } from './egress.ts'

const md5 = (text: string) => createHash('md5').update(text).digest('hex')
let base = ''
const server = createServer((request, response) => void answer(request, response))

async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const url = new URL(request.url ?? '/', base)
  const chunks: Buffer[] = []
  for await (const chunk of request) chunks.push(chunk)
  const body = Buffer.concat(chunks).toString()
  const { authorization = '' } = request.headers
  const json = (status: number, value: unknown, headers: Record<string, string> = {}) => {
    response.writeHead(status, { 'content-type': 'application/json', ...headers })
    response.end(JSON.stringify(value))
  }
  if (url.pathname === '/echo') {
    const { method, headers } = request
    json(200, { method, query: Object.fromEntries(url.searchParams), body, headers })
  } else if (url.pathname === '/text') response.end('plain')
  else if (url.pathname === '/moved') json(302, { moved: true }, { location: '/echo' })
  else if (url.pathname === '/gone') json(410, { why: 'gone' })
  else if (url.pathname === '/broken')
    response.writeHead(200, { 'content-type': 'application/json' }).end('{')
  else if (url.pathname === '/digest') {
    const uri = /uri="([^"]*)"/.exec(authorization)?.[1]
    const part = (name: string) =>
      new RegExp(`[ ,]${name}="?([^",]*)`).exec(authorization)?.[1] ?? ''
    const wanted = md5(
      [md5('u:r:p'), 'n', part('nc'), part('cnonce'), 'auth', md5(`GET:${uri}`)].join(':'),
    )
    if (part('response') === wanted && wanted !== '') json(200, { in: true })
    else json(401, {}, { 'www-authenticate': 'Digest realm="r", nonce="n", qop="auth"' })
  } else if (url.pathname === '/oauth2/token') json(200, { access_token: `token of ${body}` })
  else if (url.pathname === '/.well-known/openid-configuration')
    json(200, { token_endpoint: `${base}/oauth2/token` })
  else if (url.pathname === '/openapi.json') {
    const get = {
      operationId: 'getPet',
      parameters: [
        { name: 'id', in: 'path' },
        { name: 'full', in: 'query' },
      ],
    }
    json(200, {
      openapi: '3.0.0',
      servers: [{ url: '/' }],
      paths: { '/pets/{id}': { get, put: { operationId: 'putPet' } } },
    })
  } else json(404, { path: url.pathname, query: url.search, body })
}

beforeAll(
  () =>
    new Promise<void>((resolve) => {
      server.listen(0, '127.0.0.1', () => {
        const address = server.address()
        base = `http://127.0.0.1:${typeof address === 'object' ? address?.port : 0}`
        resolve()
      })
    }),
)
afterAll(() => {
  server.close()
})

const caller = (): Caller => ({
  egress: openEgress({ allowPrivate: true }),
  reach: openReach({ allowPrivate: true }),
  signal: new AbortController().signal,
  idempotencyKey: 'run/do/0/a',
})
const call = (more: object) => callHttp(httpArguments.parse({ method: 'get', ...more }), caller())
const errorOf = async (work: Promise<unknown>) => {
  const error = await work.then(
    () => null,
    (thrown: unknown) => thrown,
  )
  return error instanceof ActFailed ? error.error : error
}

test('a call sends what it says, with a key by which a repeated one is known', async () => {
  const body = { a: 1 }
  const said = await call({
    method: 'post',
    endpoint: `${base}/echo`,
    query: { q: 'x y', n: 1 },
    body,
    headers: { 'X-A': 'b' },
  })
  expect(said).toMatchObject({
    method: 'POST',
    query: { q: 'x y', n: '1' },
    body: '{"a":1}',
    headers: { 'x-a': 'b', 'content-type': 'application/json', 'idempotency-key': 'run/do/0/a' },
  })
})

test('the answer comes as content, as it was, or whole; credentials are not in it', async () => {
  expect(await call({ endpoint: `${base}/text` })).toBe('plain')
  expect(await call({ endpoint: `${base}/text`, output: 'raw' })).toBe('cGxhaW4=')
  const authentication = { bearer: { token: 'hush' } }
  const whole = await call({
    endpoint: { uri: `${base}/echo`, authentication },
    output: 'response',
  })
  expect(whole).toMatchObject({ statusCode: 200, request: { method: 'GET', uri: `${base}/echo` } })
  expect(JSON.stringify((whole as { request: unknown }).request)).not.toContain('hush')
})

test('what is no success is a communication error with its status', async () => {
  expect(await errorOf(call({ endpoint: `${base}/gone` }))).toMatchObject({ status: 410 })
  expect(await errorOf(call({ endpoint: `${base}/moved` }))).toMatchObject({ status: 302 })
  expect(await call({ endpoint: `${base}/moved`, redirect: true })).toEqual({ moved: true })
  expect(await errorOf(call({ endpoint: `${base}/broken` }))).toMatchObject({ status: 500 })
  expect(await errorOf(call({ endpoint: 'http://127.0.0.1:1/' }))).toMatchObject({ status: 500 })
  expect(await errorOf(call({ endpoint: 'file:///etc/passwd' }))).toMatchObject({ status: 400 })
})

test('each way to authenticate', async () => {
  const seen = async (authentication: object) => {
    const said = await call({ endpoint: { uri: `${base}/echo`, authentication } })
    return (said as { headers: { authorization: string } }).headers.authorization
  }
  expect(await seen({ basic: { username: 'u', password: 'p' } })).toBe('Basic dTpw')
  expect(await seen({ bearer: { token: 't' } })).toBe('Bearer t')
  const client = { id: 'me', secret: 's' }
  const oauth = { authority: base, grant: 'client_credentials', client, scopes: ['a', 'b'] }
  const token =
    'Bearer token of grant_type=client_credentials&scope=a+b&client_id=me&client_secret=s'
  expect(await seen({ oauth2: oauth })).toBe(token)
  expect(await seen({ oidc: oauth })).toBe(token)
  const digest = { digest: { username: 'u', password: 'p' } }
  expect(await call({ endpoint: { uri: `${base}/digest`, authentication: digest } })).toEqual({
    in: true,
  })
  const wrong = { digest: { username: 'u', password: 'q' } }
  const refused = call({ endpoint: { uri: `${base}/digest`, authentication: wrong } })
  expect(await errorOf(refused)).toMatchObject({ status: 401 })
})

test('a call goes through the proxy that the environment names; what is private here does not', async () => {
  const proxy = await startConnectProxy()
  for (const name of ['http_proxy', 'ALL_PROXY', 'no_proxy']) vi.stubEnv(name, '')
  vi.stubEnv('HTTP_PROXY', proxy.url)
  vi.stubEnv('NO_PROXY', 'direct.test')
  const egress = openEgress({ allowPrivate: false })
  const { port } = new URL(base)
  const guarded = (host: string) =>
    callHttp(httpArguments.parse({ method: 'get', endpoint: `http://${host}:${port}/echo` }), {
      ...caller(),
      egress,
    })
  expect(await guarded('outer.test')).toMatchObject({ method: 'GET' })
  for (const host of ['10.0.0.1', '127.0.0.1', 'localhost']) {
    expect(await errorOf(guarded(host)), host).toMatchObject({ status: 403 })
  }
  for (const host of ['direct.test', 'localhost.']) {
    expect(await errorOf(guarded(host)), host).not.toBeNull()
  }
  expect(proxy.asked.map(({ host }) => host)).toEqual([`outer.test:${port}`])
  vi.unstubAllEnvs()
  await proxy.stop()
})

test('private addresses are out of reach unless they are allowed', async () => {
  const egress = openEgress({ allowPrivate: false })
  const guarded = (endpoint: string) =>
    errorOf(callHttp(httpArguments.parse({ method: 'get', endpoint }), { ...caller(), egress }))
  for (const host of ['127.0.0.1', '10.0.0.1', '169.254.169.254', '[::1]', '[::ffff:10.0.0.1]']) {
    const error = await guarded(`http://${host}:1/`)
    expect(error, host).toMatchObject({ status: 403 })
  }
  const { port } = new URL(base)
  expect(await guarded(`http://localhost:${port}/echo`)).toMatchObject({ status: 403 })
})

test('a connection that somebody trusted has left open is no way in', async () => {
  const url = `${base.replace('127.0.0.1', 'localhost')}/echo`
  const ask = (egress: Egress) => {
    const endpoint = { method: 'get', endpoint: url }
    return errorOf(callHttp(httpArguments.parse(endpoint), { ...caller(), egress }))
  }
  expect(await ask(openEgress({ allowPrivate: true }))).toBeNull()
  expect(await ask(openEgress({ allowPrivate: false }))).toMatchObject({ status: 403 })
})

test('an operation of an OpenAPI document is called as the document says', async () => {
  const document = { endpoint: `${base}/openapi.json` }
  const run = (operationId: string, parameters: object) =>
    errorOf(callOpenapi({ document, operationId, parameters } as never, caller()))
  expect(await run('getPet', { id: 'a b', full: true })).toMatchObject({
    status: 404,
    detail: expect.stringContaining('{"path":"/pets/a%20b","query":"?full=true"'),
  })
  expect(await run('putPet', { name: 'x' })).toMatchObject({
    detail: expect.stringContaining('"body":"{\\"name\\":\\"x\\"}"'),
  })
  expect(await run('none', {})).toMatchObject({ status: 400 })
})
