// What the comparison of a shadow says of answers that are no words, and of a shadow that gave none; and under which id it
// is asked.

import { routeSpec } from '@tutti/core/routing'
import { describe, expect, test } from 'vitest'
import {
  answerWell,
  type Handler,
  infer,
  key,
  release,
  serve,
  signed,
  snapshotOf,
  toNodes,
  world,
} from './gateway-world.fixture.ts'

/** What is asked at `path` is answered by `live`, and by `shadow` after it; how they compare. */
async function compared(path: string, live: Handler, shadow: Handler) {
  const engines = await Promise.all([live, shadow].map((handler) => serve(handler)))
  const spec = {
    targets: [{ provider: 'live', model: 'm' }],
    shadow: { target: { provider: 'shadow', model: 'm' }, timeoutMs: 300 },
  }
  const { gateway } = await world(
    signed(
      snapshotOf({
        routes: [{ name: 'chat', project: 'default', ...routeSpec.parse(spec) }],
        providers: engines.map(({ url }, i) => ({
          ...{ name: ['live', 'shadow'][i] ?? '', project: 'default', baseUrl: url },
          ...{ dialect: 'openai' as const, allowPrivateNetwork: true },
        })),
      }),
    ),
  )
  const headers = { authorization: `Bearer ${key}` }
  const followed = await fetch(`${gateway.url}/v1/comparisons?follow=true`, { headers })
  const messages = [{ role: 'user', content: 'q' }]
  const asked = path === '/v1/embeddings' ? { input: 'q' } : { messages }
  const body = JSON.stringify({ model: 'chat', ...asked })
  const answer = await fetch(gateway.url + path, { method: 'POST', headers, body })
  expect(answer.status).toBe(200)
  await answer.text()
  for await (const chunk of followed.body ?? []) return JSON.parse(Buffer.from(chunk).toString())
}

const says =
  (body: object): Handler =>
  (_, response) =>
    response.end(JSON.stringify(body))

const vectors = (model: string, ...given: readonly (readonly number[])[]) =>
  says({
    ...{ object: 'list', model, usage: { prompt_tokens: 1, total_tokens: 1 } },
    data: given.map((embedding, index) => ({ object: 'embedding', index, embedding })),
  })

describe('vectors', () => {
  test('of the same values are the same, whatever the models are called', async () => {
    const [live, shadow] = [vectors('m-1', [0.1, 0.2]), vectors('m-2-turbo', [0.1, 0.2])]
    const comparison = await compared('/v1/embeddings', live, shadow)
    expect(comparison).toMatchObject({ failure: null, isSame: true, similarity: 1 })
  })

  test('are as alike as they are near', async () => {
    const [live, shadow] = [vectors('m', [1, 1]), vectors('m', [1, 0])]
    const comparison = await compared('/v1/embeddings', live, shadow)
    expect(comparison).toMatchObject({ failure: null, isSame: false })
    expect(comparison.similarity).toBeCloseTo(2 / 3)
  })
})

const words = { choices: [{ index: 0, message: { content: 'it is' }, finish_reason: 'stop' }] }

const tooLong = '{"error":{"code":"context_length_exceeded","message":"too long"}}'

test.each<[string, Handler]>([
  ['failing', (_, response) => response.writeHead(500).end('{}')],
  ['rate-limited', (_, response) => response.writeHead(429).end('{}')],
  ['unauthorized', (_, response) => response.writeHead(401).end('{}')],
  ['malformed', (_, response) => response.writeHead(302).end()],
  ['refused', (_, response) => response.writeHead(400).end('{}')],
  ['context-length', (_, response) => response.writeHead(400).end(tooLong)],
  ['truncated', (_, response) => response.end('<html>busy</html>')],
  ['silent', () => {}],
  ['unreachable', (request) => request.socket.destroy()],
])('a shadow that gave no answer is said to be %s', async (failure, shadow) => {
  const comparison = await compared('/v1/chat/completions', says(words), shadow)
  expect(comparison).toMatchObject({ failure, isSame: null, similarity: null })
})

test('a shadow on the node that answers is asked under an id of its own, and is not what feedback is about', async () => {
  const asked = new Map<string, unknown>()
  const { url } = await serve((request, response, body) => {
    asked.set(request.url ?? '', request.headers['x-request-id'])
    answerWell(request, response, body)
  })
  const endpoints = [{ node: 'n0', url, region: '', release }]
  const spec = {
    targets: [{ deployment: 'parts' }],
    shadow: { target: { deployment: 'next' } },
  }
  const snapshot = {
    ...toNodes([]),
    routes: [{ name: 'parts', project: 'default', ...routeSpec.parse(spec) }],
    deployments: ['parts', 'next'].map((name) => {
      return { name, project: 'default', serves: name, endpoints }
    }),
  }
  const { gateway } = await world(signed(snapshot))
  const answer = await infer(gateway)
  await answer.text()
  await expect.poll(() => asked.size).toBe(2)
  const id = answer.headers.get('x-request-id')
  expect(asked.get('/v2/models/parts/infer')).toBe(id)
  expect(asked.get('/v2/models/next/infer')).toBe(`${id}-shadow`)
})
