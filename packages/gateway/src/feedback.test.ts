// Feedback as callers give it: to whom it goes, and what is said where it goes to nobody.

import { expect, test } from 'vitest'
import {
  answerWell,
  infer,
  key,
  serve,
  signed,
  toEngine,
  toNodes,
  world,
} from './gateway-world.fixture.ts'

test('feedback goes to the node that answered, of one’s own project only', async () => {
  const seen: string[] = []
  const node = await serve((request, response, body) => {
    if (request.url !== '/v2/feedback') return answerWell(request, response, body)
    seen.push(body)
    return response.writeHead(200).write('x'.repeat(8_192)) // no more of it is waited for
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

const answer = JSON.stringify({
  choices: [{ index: 0, message: { content: 'yes' }, finish_reason: 'stop' }],
  usage: { prompt_tokens: 1, completion_tokens: 1, total_tokens: 2 },
})

test('who gives feedback on an answer of nobody who predicts is told who gave it', async () => {
  const { url } = await serve((_, response) => response.end(answer))
  const { gateway } = await world(signed(toEngine(url, 'openai')))
  const headers = { authorization: `Bearer ${key}` }
  const ask = (path: string, of: object) =>
    fetch(gateway.url + path, { method: 'POST', headers, body: JSON.stringify(of) })
  const messages = [{ role: 'user', content: 'q' }]
  const answered = await ask('/v1/chat/completions', { model: 'chat', messages })
  const id = answered.headers.get('x-request-id')
  const refused = await ask('/v1/feedback', { request_id: id, label: 'good' })
  expect(refused.status).toBe(400)
  expect(await refused.json()).toMatchObject({
    error: { code: 'feedback_unsupported', message: expect.stringContaining('answered by e/m:') },
  })
})
