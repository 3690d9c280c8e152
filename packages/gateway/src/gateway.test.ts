import { createHash } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { signingPrefix } from '@tutti/core/fleet'
import { canonicalJson } from '@tutti/core/resource'
import type { Snapshot } from '@tutti/core/routing'
import { didKeyOf, newPrivateKey, signText } from '@tutti/ledger'
import { afterEach, describe, expect, test } from 'vitest'
import { type Gateway, startGateway } from './start.ts'

const key = 'tutti_app_secret'
const digest = (text: string) => `sha256:${createHash('sha256').update(text).digest('hex')}`
const release = digest('release')

type Handler = (request: IncomingMessage, response: ServerResponse, body: string) => void
const cleanups: (() => unknown)[] = []
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup()
})

/** A server on a free port that the test ends. */
async function serve(handler: Handler): Promise<{ url: string; server: Server }> {
  const server = createServer(async (request, response) => {
    let body = ''
    for await (const chunk of request) body += String(chunk)
    handler(request, response, body)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  cleanups.push(() => {
    server.closeAllConnections()
    return new Promise((resolve) => server.close(resolve))
  })
  const address = server.address()
  const port = typeof address === 'object' && address !== null ? address.port : 0
  return { url: `http://127.0.0.1:${port}`, server }
}

const signer = newPrivateKey()

function signed(snapshot: Snapshot, by = signer): string {
  const payload = canonicalJson(snapshot)
  return JSON.stringify({ payload, signature: signText(by, signingPrefix.snapshot, payload) })
}

function snapshotOf(change: Partial<Snapshot>): Snapshot {
  return {
    format: 'tutti/snapshot/v1',
    sequence: 1,
    issuedAtMs: 1,
    keys: [{ id: 'app', hash: digest(key), project: 'default', owner: 'app' }],
    routes: [],
    deployments: [],
    providers: [],
    servingToken: 'serving-token',
    ...change,
  }
}

function toNodes(urls: readonly string[], sequence = 1): Snapshot {
  return snapshotOf({
    sequence,
    routes: [
      {
        name: 'parts',
        project: 'default',
        targets: [{ deployment: 'parts', weight: 1 }],
        attemptsMax: 4,
        timeoutMs: 4_000,
      },
    ],
    deployments: [
      {
        name: 'parts',
        project: 'default',
        serves: 'parts',
        endpoints: urls.map((url, i) => ({ node: `n${i}`, url, region: '', release })),
      },
    ],
  })
}

function toProvider(baseUrl: string, allowPrivateNetwork: boolean): Snapshot {
  return snapshotOf({
    routes: [
      {
        name: 'chat',
        project: 'default',
        targets: [{ provider: 'engine', model: 'llama', weight: 1 }],
        attemptsMax: 2,
        timeoutMs: 4_000,
      },
    ],
    providers: [
      {
        name: 'engine',
        project: 'default',
        dialect: 'openai',
        baseUrl,
        allowPrivateNetwork,
        apiKey: 'engine-secret',
      },
    ],
  })
}

interface World {
  readonly gateway: Gateway
  readonly folder: string
  /** Sends another snapshot down the stream. */
  readonly push: (text: string) => void
  readonly events: { event: string; reason?: unknown }[]
  readonly untilEvent: (event: string) => Promise<void>
}

/** A gateway that follows a control plane of ours. */
async function world(first: string | null, folder = newFolder()): Promise<World> {
  const streams = new Set<ServerResponse>()
  const plane = await serve((_, response) => {
    response.writeHead(200, { 'content-type': 'text/event-stream' })
    response.write(first === null ? ': nothing yet\n\n' : `event: snapshot\ndata: ${first}\n\n`)
    streams.add(response)
  })
  const events: World['events'] = []
  const waiters = new Set<() => void>()
  const gateway = await startGateway({
    host: '127.0.0.1',
    port: 0,
    controlPlane: { url: plane.url, key: 'k', publicKey: didKeyOf(signer) },
    folder,
    version: 'test',
    log: (event, fields) => {
      events.push({ event, ...fields })
      for (const wake of waiters) wake()
    },
  })
  cleanups.push(() => gateway.stop())
  const untilEvent = (event: string) =>
    new Promise<void>((resolve) => {
      const check = () => {
        if (!events.some((one) => one.event === event)) return
        waiters.delete(check)
        resolve()
      }
      waiters.add(check)
      check()
    })
  if (first !== null)
    await Promise.race([untilEvent('snapshot'), untilEvent('a snapshot is refused')])
  const push = (text: string) => {
    for (const stream of streams) stream.write(`event: snapshot\ndata: ${text}\n\n`)
  }
  return { gateway, folder, push, events, untilEvent }
}

function newFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'tutti-gateway-'))
  cleanups.push(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}

const answerWell: Handler = (_, response) => {
  response.writeHead(200, { 'content-type': 'application/json', 'x-tutti-variant': 'fp32' })
  response.end('{"model_name":"parts","outputs":[]}')
}

function infer(gateway: Gateway, init: RequestInit = {}): Promise<Response> {
  return fetch(`${gateway.url}/v2/models/parts/infer`, {
    method: 'POST',
    body: '{"inputs":[]}',
    ...init,
    headers: { authorization: `Bearer ${key}`, ...init.headers },
  })
}

describe('attempts', () => {
  test('a request is answered while any endpoint can answer (T1)', async () => {
    const errs = await serve((_, response) => {
      response.writeHead(500)
      response.end('{"error":"model failed on this input"}')
    })
    const cuts = await serve((request) => request.socket.destroy())
    const gone = await serve((_, response) => {
      response.writeHead(404)
      response.end()
    })
    const good = await serve(answerWell)
    const { gateway } = await world(signed(toNodes([errs.url, cuts.url, gone.url, good.url])))
    for (let i = 0; i < 40; i++) {
      const answer = await infer(gateway)
      expect(answer.status).toBe(200)
      expect(answer.headers.get('x-tutti-node')).toBe('n3')
      expect(answer.headers.get('x-tutti-release')).toBe(release)
    }
  })

  test('what no node has is a 404 in the words of the node, not a failure of the gateway', async () => {
    const gone: Handler = (_, response) => {
      response.writeHead(404, { 'content-type': 'application/json' })
      response.end('{"error":"model parts has no version v9"}')
    }
    const nodes = [await serve(gone), await serve(gone)]
    const { gateway } = await world(signed(toNodes(nodes.map(({ url }) => url))))
    const answer = await infer(gateway)
    expect(answer.status).toBe(404)
    expect(await answer.json()).toEqual({ error: 'model parts has no version v9' })
    const cut = await serve((request) => request.socket.destroy())
    const mixed = await world(signed(toNodes([...nodes.map(({ url }) => url), cut.url])))
    const statuses = new Set<number>()
    for (let i = 0; i < 20; i++) statuses.add((await infer(mixed.gateway)).status)
    expect(statuses).toEqual(new Set([502])) // the one that did not answer might have had it
  })

  test('after a failure of the model another release is asked, however many run the bad one', async () => {
    const errs: Handler = (_, response) => {
      response.writeHead(500)
      response.end('{"error":"model v3 failed on this input"}')
    }
    const bad = await Promise.all(Array.from({ length: 8 }, () => serve(errs)))
    const good = await serve(answerWell)
    const snapshot = toNodes([...bad.map(({ url }) => url), good.url])
    const [deployment] = snapshot.deployments
    const endpoints = (deployment?.endpoints ?? []).map((one, i) =>
      i < bad.length ? { ...one, release: digest('v3') } : one,
    )
    const deployments = snapshot.deployments.map((one) => ({ ...one, endpoints }))
    const { gateway } = await world(signed({ ...snapshot, deployments }))
    for (let i = 0; i < 20; i++) {
      const answer = await infer(gateway)
      expect(answer.status).toBe(200)
      expect(Number(answer.headers.get('x-tutti-attempts'))).toBeLessThanOrEqual(2)
    }
  })

  test('an answer cut short is never passed on as success (I6)', async () => {
    const short = await serve((_, response) => {
      response.writeHead(200, { 'content-length': '1000' })
      response.write('{"model_name"')
      response.destroy()
    })
    const { gateway } = await world(signed(toNodes([short.url])))
    const answer = await infer(gateway)
    expect(answer.status).toBe(502)
    expect(await answer.json()).toMatchObject({ error: expect.stringContaining('n0') })
  })

  test("the caller's own mistake is not tried again (T2)", async () => {
    let asked = 0
    const strict = await serve((_, response) => {
      asked += 1
      response.writeHead(400, { 'content-type': 'application/json' })
      response.end('{"error":"expected an input image"}')
    })
    const { gateway } = await world(signed(toNodes([strict.url, strict.url])))
    const answer = await infer(gateway)
    expect([answer.status, asked]).toEqual([400, 1])
    expect(await answer.json()).toEqual({ error: 'expected an input image' })
  })

  test('a caller that goes away ends the attempt', async () => {
    const ended = new Promise<void>((resolve) => {
      void serve((_, response) => response.once('close', resolve)).then(async ({ url }) => {
        const { gateway } = await world(signed(toNodes([url])))
        const abort = new AbortController()
        infer(gateway, { signal: abort.signal }).catch(() => {})
        await new Promise((next) => setTimeout(next, 50)) // the request must be on its way
        abort.abort()
      })
    })
    await ended
  })

  test('nodes get the serving token and the body unchanged, never the caller’s key', async () => {
    const seen: { authorization: string | undefined; body: string; url: string | undefined }[] = []
    const node = await serve((request, response, body) => {
      seen.push({ authorization: request.headers.authorization, body, url: request.url })
      answerWell(request, response, body)
    })
    const { gateway } = await world(signed(toNodes([node.url])))
    await infer(gateway, { body: '{ "inputs" : [ ] }' })
    expect(seen).toEqual([
      {
        authorization: 'Bearer serving-token',
        body: '{ "inputs" : [ ] }',
        url: '/v2/models/parts/infer',
      },
    ])
  })
})

describe('snapshots', () => {
  test('one that another key signed is refused (S1)', async () => {
    const { gateway, events } = await world(signed(toNodes([]), newPrivateKey()))
    expect(events.map(({ event }) => event)).toContain('a snapshot is refused')
    expect((await infer(gateway)).status).toBe(503)
  })

  test('an older one is refused (S2), a newer one is swapped in', async () => {
    const good = await serve(answerWell)
    const bed = await world(signed(toNodes([good.url], 5)))
    bed.push(signed(toNodes([], 4)))
    await bed.untilEvent('a snapshot is refused')
    expect((await infer(bed.gateway)).status).toBe(200)
    bed.events.length = 0
    bed.push(signed(toNodes([], 6)))
    await bed.untilEvent('snapshot')
    expect((await infer(bed.gateway)).status).toBe(503)
  })

  test('the last good one is served after a restart without a control plane', async () => {
    const good = await serve(answerWell)
    const first = await world(signed(toNodes([good.url])))
    await first.gateway.stop()
    const second = await world(null, first.folder)
    await second.untilEvent('snapshot')
    expect((await infer(second.gateway)).status).toBe(200)
  })

  test('a spoilt one on disk is refused and said', async () => {
    const folder = newFolder()
    writeFileSync(join(folder, 'snapshot.json'), '{"payload":"{}","signature":"AAAA"}')
    const bed = await world(null, folder)
    await bed.untilEvent('the snapshot on disk is refused')
  })
})

describe('who may call', () => {
  test('nothing but /healthz answers without a key', async () => {
    const { gateway } = await world(signed(toNodes([])))
    expect((await fetch(`${gateway.url}/healthz`)).status).toBe(200)
    for (const path of [
      '/v1/models',
      '/v2',
      '/metrics',
      '/v2/models/parts',
      '/v1/feedback',
      '/x',
    ]) {
      expect((await fetch(gateway.url + path)).status).toBe(401)
    }
    const wrong = await fetch(`${gateway.url}/v1/models`, {
      headers: { authorization: 'Bearer no' },
    })
    expect(wrong.status).toBe(401)
  })

  test('a page of somebody else is turned away whatever it carries', async () => {
    const { gateway } = await world(signed(toNodes([])))
    for (const method of ['GET', 'POST', 'PUT', 'DELETE', 'OPTIONS']) {
      const headers = { origin: 'https://evil.example', authorization: `Bearer ${key}` }
      expect((await fetch(`${gateway.url}/v1/models`, { method, headers })).status).toBe(403)
    }
  })

  test('an unknown model is named, with those there are', async () => {
    const { gateway } = await world(signed(toNodes([])))
    const answer = await fetch(`${gateway.url}/v1/chat/completions`, {
      method: 'POST',
      headers: { authorization: `Bearer ${key}` },
      body: '{"model":"nope"}',
    })
    expect(answer.status).toBe(404)
    const { error } = (await answer.json()) as { error: { code: string; message: string } }
    expect(error.code).toBe('model_not_found')
    expect(error.message).toContain('parts')
  })
})

describe('providers', () => {
  test('the model’s name is spliced, the rest of the bytes stay, the key is the provider’s', async () => {
    const seen: { body: string; authorization: string | undefined; url: string | undefined }[] = []
    const engine = await serve((request, response, body) => {
      seen.push({ body, authorization: request.headers.authorization, url: request.url })
      response.writeHead(200, { 'content-type': 'application/json' })
      response.end('{"object":"chat.completion"}')
    })
    const { gateway } = await world(signed(toProvider(`${engine.url}/v1`, true)))
    const body =
      '{"messages":[{"role":"user","content":"say \\"model\\":\\"chat\\""}],  "model":"chat"}'
    const answer = await fetch(`${gateway.url}/v1/chat/completions`, {
      method: 'POST',
      headers: { authorization: `Bearer ${key}` },
      body,
    })
    expect(await answer.json()).toEqual({ object: 'chat.completion' })
    expect(seen).toEqual([
      {
        body: body.replace('"model":"chat"}', '"model":"llama"}'),
        authorization: 'Bearer engine-secret',
        url: '/v1/chat/completions',
      },
    ])
  })

  test('a stream is passed on; one that breaks off does not look finished', async () => {
    const engine = await serve((_, response, body) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' })
      response.write('data: {"a":1}\n\n')
      response.write('data: {"b":', () => {
        if (body.includes('break')) response.destroy()
        else response.end('2}\n\ndata: [DONE]\n\n')
      })
    })
    const { gateway } = await world(signed(toProvider(`${engine.url}/v1`, true)))
    const ask = (content: string) =>
      fetch(`${gateway.url}/v1/chat/completions`, {
        method: 'POST',
        headers: { authorization: `Bearer ${key}` },
        body: JSON.stringify({ model: 'chat', stream: true, content }),
      })
    expect(await (await ask('go')).text()).toBe(
      'data: {"a":1}\n\ndata: {"b":2}\n\ndata: [DONE]\n\n',
    )
    await expect(ask('break').then((answer) => answer.text())).rejects.toThrow()
  })

  test('addresses of private networks are refused unless the Provider says so', async () => {
    const engine = await serve(answerWell)
    const port = new URL(engine.url).port
    for (const host of ['127.0.0.1', 'localhost', '[::ffff:127.0.0.1]', '0.0.0.0']) {
      const { gateway } = await world(signed(toProvider(`http://${host}:${port}/v1`, false)))
      const answer = await fetch(`${gateway.url}/v1/chat/completions`, {
        method: 'POST',
        headers: { authorization: `Bearer ${key}` },
        body: '{"model":"chat"}',
      })
      expect(answer.status).toBe(502)
      const { error } = (await answer.json()) as { error: { message: string } }
      expect(error.message).toContain('private network')
    }
  })
})

test('feedback goes to the node that answered, of one’s own project only', async () => {
  const seen: string[] = []
  const node = await serve((request, response, body) => {
    if (request.url === '/v2/feedback') seen.push(body)
    answerWell(request, response, body)
  })
  const { gateway } = await world(signed(toNodes([node.url])))
  const answered = await infer(gateway)
  const id = answered.headers.get('x-request-id')
  const send = (body: unknown) =>
    fetch(`${gateway.url}/v1/feedback`, {
      method: 'POST',
      headers: { authorization: `Bearer ${key}` },
      body: JSON.stringify(body),
    })
  expect((await send({ request_id: id, label: 'good' })).status).toBe(200)
  expect(seen).toEqual([JSON.stringify({ request_id: id, label: 'good' })])
  expect((await send({ request_id: 'req_unknown', label: 'good' })).status).toBe(404)
  expect((await send({ label: 'good' })).status).toBe(400)
  // of a request with several items, the one that is meant
  expect((await send({ request_id: id, label: 'good', item: 3 })).status).toBe(200)
  expect(seen.at(-1)).toBe(JSON.stringify({ request_id: id, label: 'good', item: 3 }))
  expect((await send({ request_id: id, label: 'good', item: 'x' })).status).toBe(400)
})

test('a port that is taken is said with what to do', async () => {
  const other = await serve(answerWell)
  const options = {
    host: '127.0.0.1',
    port: Number(new URL(other.url).port),
    controlPlane: { url: other.url, key: 'k', publicKey: didKeyOf(signer) },
    folder: newFolder(),
    version: 'test',
    log: () => {},
  }
  await expect(startGateway(options)).rejects.toThrow(/another process has it/)
})
