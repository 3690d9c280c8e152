// What the comparison of a shadow says of answers that are no words, and of a shadow that gave none.

import { routeSpec } from '@tutti/core/routing'
import { describe, expect, test } from 'vitest'
import { type Handler, key, serve, signed, snapshotOf, world } from './gateway-world.fixture.ts'

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

test.each<[string, Handler]>([
  ['failing', (_, response) => response.writeHead(500).end('{}')],
  ['rate-limited', (_, response) => response.writeHead(429).end('{}')],
  ['unauthorized', (_, response) => response.writeHead(401).end('{}')],
  ['malformed', (_, response) => response.writeHead(302).end()],
  ['truncated', (_, response) => response.end('<html>busy</html>')],
  ['silent', () => {}],
  ['unreachable', (request) => request.socket.destroy()],
])('a shadow that gave no answer is said to be %s', async (failure, shadow) => {
  const comparison = await compared('/v1/chat/completions', says(words), shadow)
  expect(comparison).toMatchObject({ failure, isSame: null, similarity: null })
})
