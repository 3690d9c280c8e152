import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { didKeyOf, newPrivateKey } from '@tutti/ledger'
import { describe, expect, test, vi } from 'vitest'
import {
  answerWell,
  digest,
  type Handler,
  infer,
  key,
  newFolder,
  release,
  serve,
  signed,
  signer,
  toNodes,
  toProvider,
  world,
} from './gateway-world.fixture.ts'
import { startGateway } from './start.ts'

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

  test('a control plane that has not seen its nodes yet takes none out of service', async () => {
    const good = await serve(answerWell)
    const first = await world(signed(toNodes([good.url], 1)))
    const starting = toNodes([], 2)
    const deployments = starting.deployments.map((one) => ({ ...one, unseen: ['n0'] }))
    first.events.length = 0
    first.push(signed({ ...starting, deployments }))
    await first.untilEvent('snapshot')
    expect((await infer(first.gateway)).status).toBe(200)
    await first.gateway.stop()
    const second = await world(null, first.folder) // it starts again just then
    await second.untilEvent('snapshot')
    expect((await infer(second.gateway)).status).toBe(200)
    await second.gateway.stop()
    const third = await world(signed(toNodes([], 3)), first.folder)
    await expect.poll(async () => (await infer(third.gateway)).status).toBe(503)
  })

  test('a disk that takes nothing keeps nobody from what is new', async () => {
    const good = await serve(answerWell)
    const folder = newFolder()
    mkdirSync(join(folder, 'snapshot.json.new')) // no file can be written there
    const bed = await world(signed(toNodes([], 1)), folder)
    bed.push(signed(toNodes([good.url], 2)))
    await expect.poll(async () => (await infer(bed.gateway)).status).toBe(200)
    expect(bed.events.map(({ event }) => event)).toContain('a snapshot was not kept on disk')
  })

  test('a spoilt one on disk is refused and said', async () => {
    const folder = newFolder()
    writeFileSync(join(folder, 'snapshot.json'), '{"payload":"{}","signature":"AAAA"}')
    const bed = await world(null, folder)
    await bed.untilEvent('the snapshot on disk is refused')
  })

  test('one on disk that cannot be read is said, and the control plane is followed', async () => {
    const folder = newFolder()
    const path = join(folder, 'snapshot.json')
    mkdirSync(path)
    const bed = await world(signed(toNodes([])), folder)
    const said = bed.events.find(({ event }) => event === 'the snapshot on disk cannot be read')
    expect(said).toMatchObject({ path, reason: expect.stringContaining('EISDIR') })
    await bed.untilEvent('snapshot')
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

  test('of thousands of keys each is its own', async () => {
    const keys = Array.from({ length: 5_000 }, (_, i) => ({
      ...{ id: `k${i}`, hash: digest(`secret-${i}`), project: 'default', owner: `o${i}` },
      ...(i % 2 === 0 ? {} : { routes: [] }),
    }))
    const node = await serve(answerWell)
    const { gateway } = await world(signed({ ...toNodes([node.url]), keys }))
    const statuses = await Promise.all(
      [0, 1, 2_498, 2_499, 4_998, 4_999, 5_000].map(async (i) => {
        const headers = { authorization: `Bearer secret-${i}` }
        return (await infer(gateway, { headers })).status
      }),
    )
    expect(statuses).toEqual([200, 404, 200, 404, 200, 404, 401])
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
    const answer = '{"choices":[{"message":{"content":"hi"},"finish_reason":"stop"}]}'
    const engine = await serve((request, response, body) => {
      seen.push({ body, authorization: request.headers.authorization, url: request.url })
      response.writeHead(200, { 'content-type': 'application/json' })
      response.end(answer)
    })
    const { gateway } = await world(signed(toProvider(`${engine.url}/v1`, true)))
    const body =
      '{"messages":[{"role":"user","content":"say \\"model\\":\\"chat\\""}],  "model":"chat"}'
    const got = await fetch(`${gateway.url}/v1/chat/completions`, {
      method: 'POST',
      headers: { authorization: `Bearer ${key}` },
      body,
    })
    expect(await got.text()).toBe(answer)
    expect(seen).toEqual([
      {
        body: body.replace('"model":"chat"}', '"model":"llama"}'),
        authorization: 'Bearer engine-secret',
        url: '/v1/chat/completions',
      },
    ])
  })

  test('a stream is passed on; one that breaks off does not look finished', async () => {
    const part = (content: string, finish_reason: string | null) =>
      `data: ${JSON.stringify({ choices: [{ index: 0, delta: { content }, finish_reason }] })}\n\n`
    const engine = await serve((_, response, body) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' })
      response.write(part('a', null))
      response.write('data: {"choices":', () => {
        if (body.includes('break')) response.destroy()
        else response.end(`${part('b', 'stop').slice(17)}data: [DONE]\n\n`)
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
      `${part('a', null)}${part('b', 'stop')}data: [DONE]\n\n`,
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
  await expect(startGateway(options)).rejects.toThrow(
    /another process has it: .*tutti up: --gateway-port/,
  )
})

test('an answer is told as what it was read as, whatever its engine calls it', async () => {
  for (const type of [null, 'text/plain', 'application/octet-stream', 'application/json; x=y']) {
    const engine = await serve((_, response) => {
      if (type !== null) response.setHeader('content-type', type)
      response.end('{"choices":[{"message":{"content":"hi"},"finish_reason":"stop"}]}')
    })
    const { gateway } = await world(signed(toProvider(engine.url, true)))
    const answer = await fetch(`${gateway.url}/v1/chat/completions`, {
      method: 'POST',
      headers: { authorization: `Bearer ${key}` },
      body: JSON.stringify({ model: 'chat', messages: [] }),
    })
    expect(answer.status).toBe(200)
    expect(answer.headers.get('content-type')).toMatch(/^application\/json/)
    expect(await answer.json()).toMatchObject({ choices: [{ message: { content: 'hi' } }] })
  }
})

test('one that stops waits for as long as it was told, and tells who is cut', async () => {
  const engine = await serve((_, response) => {
    response.writeHead(200, { 'content-type': 'text/event-stream' })
    response.write('data: {"choices":[{"delta":{"content":"begun"}}]}\n\n') // and never ends
  })
  const snapshot = signed(toProvider(engine.url, true))
  const { gateway } = await world(snapshot, undefined, undefined, { drainMs: 101 })
  const answer = await fetch(`${gateway.url}/v1/chat/completions`, {
    method: 'POST',
    headers: { authorization: `Bearer ${key}` },
    body: JSON.stringify({ model: 'chat', messages: [], stream: true }),
  })
  const reader = answer.body?.getReader()
  await reader?.read()
  const timers = vi.spyOn(globalThis, 'setTimeout')
  await gateway.stop()
  expect(timers.mock.calls.map(([, ms]) => ms)).toContain(101)
  timers.mockRestore()
  const rest = async () => {
    for (;;) if ((await reader?.read())?.done === true) return 'ended as if it were whole'
  }
  await expect(rest()).rejects.toThrow()
})

describe('a long prompt', () => {
  const content = 'say "model":\n and \\ é 😀 '.repeat(3_000)
  const said = { model: 'chat', messages: [{ role: 'user', content }], max_tokens: 5 }
  const ask = (url: string, body: string) =>
    fetch(`${url}/v1/chat/completions`, {
      method: 'POST',
      headers: { authorization: `Bearer ${key}` },
      body,
    })

  test('goes on as it came but for its model, and translated with all of its texts', async () => {
    const bodies: string[] = []
    const engine = await serve((_, response, body) => {
      bodies.push(body)
      response.end('{"choices":[{"message":{"content":"hi"},"finish_reason":"stop"}]}')
    })
    const { gateway } = await world(signed(toProvider(engine.url, true)))
    const body = JSON.stringify(said, null, 1).replace('"model"', '"mod\\u0065l"')
    expect((await ask(gateway.url, body)).status).toBe(200)
    expect(bodies[0]).toBe(body.replaceAll('"chat"', '"llama"'))
    const claude = await serve((_, response, sent) => {
      bodies.push(sent)
      response.end('{"content":[{"type":"text","text":"hi"}],"stop_reason":"end_turn"}')
    })
    const snapshot = toProvider(claude.url, true)
    const providers = snapshot.providers.map((one) => ({ ...one, dialect: 'anthropic' as const }))
    const other = await world(signed({ ...snapshot, providers }))
    expect((await ask(other.gateway.url, JSON.stringify(said))).status).toBe(200)
    expect(JSON.parse(bodies[1] ?? '')).toMatchObject({
      messages: [{ role: 'user', content: [{ type: 'text', text: content }] }],
    })
  })

  test('that is no JSON is refused, wherever it goes wrong', async () => {
    const answered = vi.fn<Handler>((_, response) => void response.end('{}'))
    const engine = await serve(answered)
    const { gateway } = await world(signed(toProvider(engine.url, true)))
    const good = JSON.stringify(said)
    for (const at of [1, 9, 60, 30_000, good.length - 30, good.length - 1]) {
      for (const wrong of ['\\x', '\n\u0000', '"']) {
        const answer = await ask(gateway.url, good.slice(0, at) + wrong + good.slice(at))
        expect(answer.status).toBe(400)
        expect(await answer.text()).toContain('expected a JSON body')
      }
    }
    expect(answered).not.toHaveBeenCalled()
  })

  test('that says a member twice is refused, as a short one is, whichever of the two is small', async () => {
    const answered = vi.fn<Handler>((_, response) => void response.end('{}'))
    const engine = await serve(answered)
    const { gateway } = await world(signed(toProvider(engine.url, true)))
    for (const messages of [said.messages, [{ role: 'user', content: 'hi' }]]) {
      const body = JSON.stringify({ ...said, messages })
      for (const twice of [
        `{"max_tokens":90000,${body.slice(1)}`,
        `${body.slice(0, -1)},"max_tokens":9}`,
        body.replace('"role":', '"content":"what nobody looks at","role":'),
      ]) {
        const answer = await ask(gateway.url, twice)
        expect(answer.status).toBe(400)
        expect(await answer.text()).toMatch(/(max_tokens|content): expected once/)
      }
    }
    expect(answered).not.toHaveBeenCalled()
  })
})
