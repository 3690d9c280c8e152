// What callers are told where something is refused: by a Provider, or by the gateway itself.

import { describe, expect, test } from 'vitest'
import { whyUnreached } from './failure.ts'
import { key, serve, signed, toEngine, toProvider, world } from './gateway-world.fixture.ts'
import { providerGuard } from './governance/index.ts'
import { toolClient, toolSnapshot } from './tool-world.fixture.ts'

const messages = [{ role: 'user', content: 'hello' }]

/** A gateway whose only engine speaks OpenAI's dialect, and says this. */
async function bed(status: number, body: object) {
  const asked: string[] = []
  const engine = await serve((_, response, sent) => {
    asked.push(sent)
    response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body))
  })
  const { gateway, events } = await world(signed(toProvider(engine.url, true)))
  const ask = async (path: string) => {
    const answer = await fetch(gateway.url + path, {
      method: 'POST',
      headers: { authorization: `Bearer ${key}` },
      body: JSON.stringify({ model: 'chat', max_tokens: 5, messages }),
    })
    return { status: answer.status, body: JSON.parse(await answer.text()) }
  }
  return { ask, asked, events, url: engine.url }
}

const openaisError = (message: string, code: string | number) => ({
  error: { message, type: 'invalid_request_error', param: null, code },
})

describe('a Provider that refuses its key', () => {
  test.each([
    [401, 'invalid_api_key', 'the Provider engine refused its key'],
    [403, 'model_not_found', 'the Provider engine refused its key'],
    [429, 'insufficient_quota', 'the account at engine is used up'],
  ])('%s %s is told by its name alone, and in the log once', async (status, code, told) => {
    const theirs = 'Incorrect key sk-proj-abcd of project proj_7'
    const { ask, events, url } = await bed(status, openaisError(theirs, code))
    for (const path of ['/v1/chat/completions', '/v1/messages']) {
      const { status: got, body } = await ask(path)
      expect(got).toBe(502)
      expect(body.error.message).toBe(`no endpoint could answer: ${told}`)
      expect(JSON.stringify(body)).not.toContain(url)
    }
    const lines = events.filter(({ event }) => event === 'a Provider refuses its key')
    const reason = `${status} ${theirs}`
    expect(lines).toEqual([expect.objectContaining({ provider: 'engine', reason })])
  })

  test('is told so in the middle of a stream, too', async () => {
    const theirs = 'no credits left at acc_7'
    const events = [
      { id: 'c', choices: [{ index: 0, delta: { content: 'Hel' } }] },
      openaisError(theirs, 402),
    ]
    const engine = await serve((_, response) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' })
      response.end(events.map((one) => `data: ${JSON.stringify(one)}\n\n`).join(''))
    })
    const { gateway, untilEvent } = await world(signed(toProvider(engine.url, true)))
    const answer = await fetch(`${gateway.url}/v1/chat/completions`, {
      method: 'POST',
      headers: { authorization: `Bearer ${key}` },
      body: JSON.stringify({ model: 'chat', stream: true, messages }),
    })
    let text = ''
    const read = async () => {
      for await (const chunk of answer.body ?? []) text += Buffer.from(chunk).toString('utf8')
    }
    await expect(read()).rejects.toThrow() // it is cut after the error
    expect(text).toContain('broke off and nobody could go on: the account at engine is used up')
    expect(text).not.toContain(theirs)
    await untilEvent('a Provider refuses its key')
  })

  test('nor is where it is asked told where it fails', async () => {
    const { ask, url } = await bed(500, openaisError('out of memory', 'server_error'))
    const { body } = await ask('/v1/chat/completions')
    expect(body.error.message).toContain('engine: 500 out of memory')
    expect(body.error.message).not.toContain(url)
  })
})

test.each([
  ['/v1/chat/completions', { type: 'invalid_request_error', code: 'caller' }],
  ['/v1/messages', { type: 'invalid_request_error' }],
])(
  'an error in words that nobody knows is told where clients look for it: %s',
  async (path, more) => {
    const detail = [{ loc: ['body', 'messages'], msg: 'field required' }]
    const { ask, asked } = await bed(422, { detail })
    const { status, body } = await ask(path)
    expect(status).toBe(422)
    expect(body.error).toMatchObject({ ...more, message: `422 ${JSON.stringify({ detail })}` })
    expect(asked).toHaveLength(1)
  },
)

// llama-server speaks Anthropic's dialect, but for its errors.
test.each([
  ['of OpenAI', openaisError('too long', 400), { type: 'invalid_request_error' }],
  [
    'of its own',
    { type: 'error', error: { type: 'odd_error', message: 'too long' } },
    { type: 'odd_error' },
  ],
])('an engine of Anthropic’s dialect with errors %s', async (_, said, error) => {
  const engine = await serve((_request, response) => {
    response.writeHead(400, { 'content-type': 'application/json' }).end(JSON.stringify(said))
  })
  const { gateway } = await world(signed(toEngine(engine.url, 'anthropic')))
  const answer = await fetch(`${gateway.url}/v1/messages`, {
    method: 'POST',
    headers: { authorization: `Bearer ${key}` },
    body: JSON.stringify({ model: 'chat', max_tokens: 5, messages }),
  })
  expect(answer.status).toBe(400)
  expect(await answer.json()).toEqual({ type: 'error', error: { ...error, message: 'too long' } })
})

test.each([
  [500, 'image input is not supported - hint: you may need to provide the mmproj'],
  [500, 'Failed to parse tool call arguments as JSON: parse error at line 1'],
  [501, 'This server does not support embeddings'],
])(
  'what an engine cannot do is asked once, and does not count against it: %s %s',
  async (status, said) => {
    let asked = 0
    const engine = await serve((_, response, sent) => {
      asked += 1
      const isHarmless = sent.includes('hello')
      const error = { code: status, message: said, type: 'server_error' }
      const answer = { id: 'c', choices: [{ message: { content: 'yes' }, finish_reason: 'stop' }] }
      response.writeHead(isHarmless ? 200 : status, { 'content-type': 'application/json' })
      response.end(JSON.stringify(isHarmless ? answer : { error }))
    })
    const { gateway } = await world(signed(toEngine(engine.url, 'openai')))
    const ask = async (content: string) => {
      const answer = await fetch(`${gateway.url}/v1/chat/completions`, {
        ...{ method: 'POST', headers: { authorization: `Bearer ${key}` } },
        body: JSON.stringify({ model: 'chat', messages: [{ role: 'user', content }] }),
      })
      return { status: answer.status, body: JSON.parse(await answer.text()) }
    }
    for (let i = 0; i < 20; i++) {
      const { status: told, body } = await ask('no')
      expect(told).toBe(400) // clients ask again after a 5xx
      expect(body.error.message).toBe(said)
    }
    expect(asked).toBe(20)
    expect(await ask('hello')).toMatchObject({ status: 200 })
  },
)

describe('an error in an answer of 200', () => {
  const complaint = openaisError('this model takes no images', 400)

  test('is the one that its code says: told as it is, and asked once', async () => {
    const { ask, asked } = await bed(200, complaint)
    expect(await ask('/v1/chat/completions')).toEqual({ status: 400, body: complaint })
    const message = 'this model takes no images'
    expect(await ask('/v1/messages')).toMatchObject({ status: 400, body: { error: { message } } })
    expect(asked).toHaveLength(2)
  })

  test('is the Provider’s failure where it is about its key, or says no status', async () => {
    const refused = await bed(200, openaisError('no credits at acc_7', 402))
    const unpaid = await refused.ask('/v1/chat/completions')
    expect(unpaid).toMatchObject({ status: 502 })
    expect(unpaid.body.error.message).toContain('the account at engine is used up')
    const failing = await bed(200, openaisError('out of memory', 'server_error'))
    const { status, body } = await failing.ask('/v1/chat/completions')
    expect([status, body.error.message]).toEqual([502, expect.stringContaining('out of memory')])
    expect(failing.asked).toHaveLength(2)
  })
})

describe('a call without a key that is valid', () => {
  test.each([
    ['/v1/chat/completions', 'as Authorization: Bearer'],
    ['/v2/models/parts/infer', 'as Authorization: Bearer'],
    ['/v1/messages', 'as x-api-key or as Authorization: Bearer'],
    [
      '/v1beta/models/chat:generateContent',
      'as x-goog-api-key, as ?key= or as Authorization: Bearer',
    ],
  ])('is told at %s where it goes: %s', async (path, where) => {
    const { gateway } = await world(signed(toProvider('http://127.0.0.1:1', true)))
    const answer = await fetch(gateway.url + path, { method: 'POST', body: '{}' })
    expect(answer.status).toBe(401)
    expect(await answer.text()).toContain(`expected a key that is valid here, ${where}"`)
  })

  test.each([
    ['/v1/chat/completions', { authorization: `bearer ${key}` }],
    ['/v1/chat/completions', { authorization: `BEARER  ${key}` }],
    ['/v1/messages', { 'x-api-key': key }],
    [`/v1beta/models/chat:generateContent?key=${key}`, {}],
  ])('and is known at %s by %j', async (path, headers: Record<string, string>) => {
    const { gateway } = await world(signed(toProvider('http://127.0.0.1:1', true)))
    const answer = await fetch(gateway.url + path, { method: 'POST', headers, body: '{' })
    expect(answer.status).toBe(400)
  })

  test('nor by a key in a URL of others', async () => {
    const { gateway } = await world(signed(toProvider('http://127.0.0.1:1', true)))
    expect((await fetch(`${gateway.url}/v1/models?key=${key}`)).status).toBe(401)
  })
})

test('Anthropic’s clients find the id of a request where they look for it, and no others', async () => {
  const { gateway } = await world(signed(toProvider('http://127.0.0.1:1', true)))
  const idOf = async (path: string) => {
    const headers = { 'x-request-id': 'mine', 'x-api-key': key }
    const answer = await fetch(gateway.url + path, { method: 'POST', headers, body: '{' })
    return [answer.headers.get('x-request-id'), answer.headers.get('request-id')]
  }
  expect(await idOf('/v1/messages')).toEqual(['mine', 'mine'])
  expect(await idOf('/v1/chat/completions')).toEqual(['mine', null])
})

describe('where somebody is whom nobody can reach is told to no caller', () => {
  const hosts = ['http://127.0.0.1:1', 'http://nobody.invalid:8080']
  test.each(hosts)('%s as a Provider', async (url) => {
    const { gateway } = await world(signed(toProvider(`${url}/v1`, true)))
    const answer = await fetch(`${gateway.url}/v1/chat/completions`, {
      method: 'POST',
      headers: { authorization: `Bearer ${key}` },
      body: JSON.stringify({ model: 'chat', messages }),
    })
    const text = await answer.text()
    expect(text).toMatch(/no endpoint could answer: engine: (?:connect E|getaddrinfo E)/)
    expect(text).not.toContain(new URL(url).hostname)
  })

  test.each(hosts)('%s as a server of tools', async (url) => {
    const { gateway } = await world(signed(toolSnapshot([{ name: 'shop', url: `${url}/mcp` }])))
    const { _meta } = await (await toolClient(gateway)).listTools()
    expect(_meta?.['tutti/missing']).toEqual([
      { server: 'shop', why: expect.stringMatching(/^shop cannot be reached: \w+ E[A-Z_]+$/) },
    ])
  })

  test('nor what its name stands for, nor which host its certificate names', () => {
    expect(() => providerGuard.assertHost('10.1.2.3')).toThrow(/^its address is one of a private/)
    const code = 'ERR_TLS_CERT_ALTNAME_INVALID'
    const error = Object.assign(new Error("Host: a.internal. is not in the cert's altnames"), {
      code,
    })
    expect(whyUnreached(error)).toBe('its certificate is that of another host')
  })
})
