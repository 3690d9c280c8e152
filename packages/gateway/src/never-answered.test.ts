// What no target of a Route ever answers is refused for good; what may yet be answered is not.

import { routeSpec } from '@tutti/core/routing'
import { expect, test } from 'vitest'
import { infer, key, serve, signed, snapshotOf, toEngine, world } from './gateway-world.fixture.ts'

async function bed(targets: readonly object[]) {
  const engine = await serve((_, response) => response.end('{}'))
  const snapshot = snapshotOf({
    routes: [{ ...{ name: 'parts', project: 'default' }, ...routeSpec.parse({ targets }) }],
    deployments: [{ name: 'llama', project: 'default', serves: 'llama', endpoints: [] }],
    providers: [
      {
        ...{ name: 'engine', project: 'default', dialect: 'openai', baseUrl: engine.url },
        allowPrivateNetwork: true,
      },
    ],
  })
  const { gateway } = await world(signed(snapshot))
  const post = async (path: string, body: object) => {
    const answer = await fetch(gateway.url + path, {
      method: 'POST',
      headers: { authorization: `Bearer ${key}` },
      body: JSON.stringify({ model: 'parts', ...body }),
    })
    return {
      status: answer.status,
      again: answer.headers.get('retry-after'),
      text: await answer.text(),
    }
  }
  const chat = () => post('/v1/chat/completions', { messages: [{ role: 'user', content: 'hi' }] })
  return { gateway, chat }
}

const deployment = { deployment: 'llama' }
const provider = { provider: 'engine', model: 'm' }

test('a chat at Deployments alone is a 400 that says what they answer', async () => {
  const { gateway, chat } = await bed([deployment])
  const { status, again, text } = await chat()
  expect([status, again]).toEqual([400, null])
  expect(JSON.parse(text).error).toMatchObject({ code: 'no_target', param: 'model' })
  expect(text).toContain('llama: nodes do not answer this, but POST /v2/models/parts/infer')
  expect((await infer(gateway)).status).toBe(503) // no node serves it yet
})

test('tensors at Providers alone are one, too', async () => {
  const { gateway } = await bed([provider])
  const answer = await infer(gateway)
  expect(answer.status).toBe(400)
  expect(await answer.text()).toContain('engine/m: it does not answer this')
})

test('a Provider that is not there yet may come: 503, and when to ask again', async () => {
  const { chat } = await bed([deployment, { ...provider, provider: 'gone' }])
  expect(await chat()).toMatchObject({ status: 503, again: '1' })
})

test('a Provider that has moved while it is asked gets the key that it has there', async () => {
  const keys: (string | undefined)[] = []
  const there = await serve((request, response) => {
    keys.push(request.headers.authorization)
    response.end('{"choices":[{"index":0,"message":{"content":"hi"},"finish_reason":"stop"}]}')
  })
  const snapshot = (url: string, apiKey: string, sequence: number) => {
    const { providers, ...rest } = toEngine(url, 'openai')
    const moved = providers.map((provider) => ({ ...provider, apiKey }))
    return signed({ ...rest, providers: moved, sequence })
  }
  const here = await serve(async (_, response) => {
    push(snapshot(there.url, 'new', 2))
    await untilEvent('snapshot', 2)
    response.writeHead(500).end('{}')
  })
  const { gateway, push, untilEvent } = await world(snapshot(here.url, 'old', 1))
  const answer = await fetch(`${gateway.url}/v1/chat/completions`, {
    method: 'POST',
    headers: { authorization: `Bearer ${key}` },
    body: JSON.stringify({ model: 'chat', messages: [{ role: 'user', content: 'hi' }] }),
  })
  expect([answer.status, keys]).toEqual([200, ['Bearer new']])
})

test('a Provider that has moved out of the region while it is asked is not asked again', async () => {
  const asked: string[] = []
  const there = await serve((_, response) => {
    asked.push('us')
    response.end('{"choices":[{"index":0,"message":{"content":"hi"},"finish_reason":"stop"}]}')
  })
  const snapshot = (url: string, region: string, sequence: number) => {
    const { providers, ...rest } = toEngine(url, 'openai', { require: { regions: ['eu'] } })
    const moved = providers.map((provider) => ({ ...provider, region }))
    return signed({ ...rest, providers: moved, sequence })
  }
  const here = await serve(async (_, response) => {
    asked.push('eu')
    push(snapshot(there.url, 'us', 2))
    await untilEvent('snapshot', 2)
    response.writeHead(500).end('{}')
  })
  const { gateway, push, untilEvent } = await world(snapshot(here.url, 'eu', 1))
  const answer = await fetch(`${gateway.url}/v1/chat/completions`, {
    method: 'POST',
    headers: { authorization: `Bearer ${key}` },
    body: JSON.stringify({ model: 'chat', messages: [{ role: 'user', content: 'hi' }] }),
  })
  expect([answer.status, asked]).toEqual([502, ['eu']])
})
