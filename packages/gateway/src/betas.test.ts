// What Anthropic's clients ask for in a header: told to whoever speaks the same dialect, and to nobody else.

import { guardSpec } from '@tutti/core/governance'
import { expect, test } from 'vitest'
import { key, serve, signed, toEngine, world } from './gateway-world.fixture.ts'

async function bed(dialect: 'anthropic' | 'openai', more: object = {}) {
  const heard: (string | undefined)[] = []
  const { url } = await serve((request, response) => {
    heard.push(String(request.headers['anthropic-beta']))
    const usage = { input_tokens: 1, output_tokens: 1, prompt_tokens: 1, completion_tokens: 1 }
    const content = [{ type: 'text', text: 'so' }]
    const choices = [{ index: 0, message: { content: 'so' }, finish_reason: 'stop' }]
    response.writeHead(200, { 'content-type': 'application/json' })
    response.end(JSON.stringify({ id: 'm', content, choices, stop_reason: 'end_turn', usage }))
  })
  const { gateway } = await world(signed(toEngine(url, dialect, more)))
  const ask = async (beta: string | null, path = '/v1/messages') => {
    const content = 'for a@b.example'
    const answer = await fetch(`${gateway.url}${path}`, {
      method: 'POST',
      headers: { 'x-api-key': key, ...(beta === null ? {} : { 'anthropic-beta': beta }) },
      body: JSON.stringify({ model: 'chat', max_tokens: 9, messages: [{ role: 'user', content }] }),
    })
    return { status: answer.status, cache: answer.headers.get('x-tutti-cache') }
  }
  return { ask, heard }
}

const beta = 'context-management-2025-06-27, interleaved-thinking-2025-05-14'

test.each([
  ['as it is', {}],
  ['past a guard that rewrites the request', { guard: guardSpec.parse({ detect: ['email'] }) }],
])('Anthropic hears it %s, and counts tokens by it', async (_, more) => {
  const { ask, heard } = await bed('anthropic', more)
  await ask(beta)
  await ask(beta, '/v1/messages/count_tokens')
  await ask(null)
  expect(heard).toEqual([beta, beta, 'undefined'])
})

test('nobody else hears it', async () => {
  const { ask, heard } = await bed('openai')
  expect((await ask(beta)).status).toBe(200)
  expect(heard).toEqual(['undefined'])
  const chat = await bed('anthropic')
  await chat.ask(beta, '/v1/chat/completions')
  expect(chat.heard).toEqual(['undefined'])
})

test('what is no list of names is refused', async () => {
  const { ask, heard } = await bed('anthropic')
  expect((await ask('a b; c=\u00e9')).status).toBe(400)
  expect(heard).toEqual([])
})

test('another beta is another question to a cache', async () => {
  const { ask } = await bed('anthropic', { cache: {} })
  await ask(beta)
  expect([await ask(beta), await ask('else'), await ask(null)].map(({ cache }) => cache)).toEqual([
    ...['exact', null, null],
  ])
})
