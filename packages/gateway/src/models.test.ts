// Which models a key is told of: those that it may call.

import { routeSpec } from '@tutti/core/routing'
import { describe, expect, test } from 'vitest'
import { digest, key, serve, signed, snapshotOf, toNodes, world } from './gateway-world.fixture.ts'

test('models are the routes of the key’s project that it, and the policies, let it call', async () => {
  const engine = await serve((_, response) => response.end('{}'))
  const keys = [
    { id: 'all', routes: undefined, refused: undefined },
    { id: 'narrow', routes: ['both'], refused: undefined },
    { id: 'kept', routes: undefined, refused: ['Provider/dear'] },
    { id: 'far', routes: undefined, refused: undefined, project: 'far' },
  ].map(({ id, routes, refused, project = 'default' }) => ({
    ...{ id, hash: digest(id), project, owner: id },
    ...(routes === undefined ? {} : { routes }),
    ...(refused === undefined ? {} : { refused }),
  }))
  const route = (name: string, providers: readonly string[]) => ({
    ...{ name, project: 'default' },
    ...routeSpec.parse({ targets: providers.map((provider) => ({ provider, model: 'm' })) }),
  })
  const providers = ['dear', 'cheap'].map((name) => ({
    ...{ name, project: 'default', dialect: 'openai' as const, baseUrl: engine.url },
    allowPrivateNetwork: true,
  }))
  const routes = [route('best', ['dear']), route('both', ['dear', 'cheap'])]
  const { gateway } = await world(signed(snapshotOf({ keys, routes, providers })))
  const told = async (by: string) => {
    const headers = { authorization: `Bearer ${by}` }
    const answer = await fetch(`${gateway.url}/v1/models`, { headers })
    const { data } = JSON.parse(await answer.text())
    return data.map(({ id }: { id: string }) => id)
  }
  expect(await told('all')).toEqual(['best', 'both'])
  expect(await told('narrow')).toEqual(['both'])
  expect(await told('kept')).toEqual(['both'])
  expect(await told('far')).toEqual([])
})

describe('models in the words of each dialect', () => {
  const bed = async () => {
    const target = { provider: 'engine', model: 'm' }
    const routes = ['first', 'last', 'hidden'].map((name) => ({
      ...{ name, project: 'default', ...routeSpec.parse({ targets: [target] }) },
    }))
    const [one] = snapshotOf({}).keys
    if (one === undefined) throw new Error('the snapshot has no key')
    const keys = [{ ...one, routes: ['first', 'last'] }]
    const { gateway } = await world(signed(snapshotOf({ keys, routes })))
    return async (path: string, headers: Record<string, string>) => {
      const answer = await fetch(gateway.url + path, { headers })
      return [answer.status, JSON.parse(await answer.text())]
    }
  }
  const epoch = '1970-01-01T00:00:00Z'
  const dialects: [string, string, Record<string, string>, (id: string) => object][] = [
    [
      'OpenAI',
      '/v1',
      { authorization: `Bearer ${key}` },
      (id) => ({ id, object: 'model', created: 0, owned_by: 'default' }),
    ],
    [
      'Anthropic',
      '/v1',
      { 'x-api-key': key, 'anthropic-version': '2023-06-01' },
      (id) => ({
        ...{ type: 'model', id, display_name: id, created_at: epoch },
        // Without one of these the Java client throws where it is read.
        ...{ lifecycle: 'active', deprecated_at: null, retires_at: null },
        ...{ capabilities: null, line: null, max_input_tokens: null, max_tokens: null },
      }),
    ],
    ...['/v1beta', '/v1alpha', '/v1'].map((base): (typeof dialects)[number] => [
      'Gemini',
      base,
      { 'x-goog-api-key': key },
      (id) => ({
        ...{ name: `models/${id}`, displayName: id },
        supportedGenerationMethods: ['generateContent', 'streamGenerateContent'],
      }),
    ]),
  ]
  const lists: Record<string, (data: object[]) => object> = {
    OpenAI: (data) => ({ object: 'list', data }),
    Anthropic: (data) => ({ data, has_more: false, first_id: 'first', last_id: 'last' }),
    Gemini: (models) => ({ models }),
  }
  const missing: Record<string, (message: string) => object> = {
    OpenAI: (message) => ({
      ...{ message, type: 'invalid_request_error', param: null, code: 'model_not_found' },
    }),
    Anthropic: (message) => ({ type: 'not_found_error', message }),
    Gemini: (message) => ({ code: 404, message, status: 'NOT_FOUND' }),
  }

  test.each(dialects)('%s below %s', async (dialect, base, headers, of) => {
    const ask = await bed()
    const list = lists[dialect]?.([of('first'), of('last')])
    expect(await ask(`${base}/models`, headers)).toEqual([200, list])
    expect(await ask(`${base}/models/last`, headers)).toEqual([200, of('last')])
    for (const name of ['hidden', 'nobody']) {
      const [status, body] = await ask(`${base}/models/${name}`, headers)
      const message = `there is no model ${name} for this key: it may call first, last`
      expect([status, body.error]).toEqual([404, missing[dialect]?.(message)])
    }
  })

  test('where nothing answers, each client reads its own error', async () => {
    const ask = await bed()
    for (const [dialect, , headers] of dialects) {
      const [status, { error, type }] = await ask('/v1/files', headers)
      const own = missing[dialect]?.('nothing answers GET /v1/files')
      const code = dialect === 'OpenAI' ? { code: 'not_found' } : {}
      expect([status, error]).toEqual([404, { ...own, ...code }])
      expect(type).toBe(dialect === 'Anthropic' ? 'error' : undefined)
    }
  })

  test('Google’s errors stand below its older and newer paths, too', async () => {
    const ask = await bed()
    for (const base of ['/v1', '/v1alpha', '/v1beta']) {
      const path = `${base}/models/first:predictLongRunning`
      const [, body] = await ask(path, { authorization: `Bearer ${key}` })
      expect(body.error).toMatchObject({ code: 404, status: 'NOT_FOUND' })
    }
  })
})

test('to Gemini’s clients a route of nodes is none to chat with', async () => {
  const { gateway } = await world(signed(toNodes(['http://127.0.0.1:9'])))
  const answer = await fetch(`${gateway.url}/v1beta/models/parts`, {
    headers: { 'x-goog-api-key': key },
  })
  expect(await answer.json()).toMatchObject({
    displayName: 'parts',
    supportedGenerationMethods: [],
  })
})

test('what is said of a name that nobody knows is as long as one can read', async () => {
  const targets = [{ provider: 'engine', model: 'm' }]
  const names = Array.from({ length: 25 }, (_, i) => `route-${10 + i}`)
  const routes = names.map((name) => ({
    ...{ name, project: 'default', ...routeSpec.parse({ targets }) },
  }))
  const { gateway } = await world(signed(snapshotOf({ routes })))
  const answer = await fetch(`${gateway.url}/v1/models/${'x'.repeat(200)}`, {
    headers: { authorization: `Bearer ${key}` },
  })
  const { error } = JSON.parse(await answer.text())
  const told = `${'x'.repeat(80)} for this key: it may call ${names.slice(0, 20).join(', ')}`
  expect(error.message).toBe(`there is no model ${told}`)
})
