// Members that a Route lets its targets be asked without: left out where their dialect has no counterpart, and said so.

import { expect, test } from 'vitest'
import { key, serve, signed, toEngine, world } from './gateway-world.fixture.ts'

async function bed(dialect: 'anthropic' | 'openai', dropParams?: readonly string[]) {
  const heard: unknown[] = []
  const { url } = await serve((_, response, body) => {
    heard.push(JSON.parse(body))
    const usage = { input_tokens: 1, output_tokens: 1, prompt_tokens: 1, completion_tokens: 1 }
    const content = [{ type: 'text', text: 'so' }]
    const choices = [{ index: 0, message: { content: 'so' }, finish_reason: 'stop' }]
    response.writeHead(200, { 'content-type': 'application/json' })
    response.end(JSON.stringify({ id: 'm', content, choices, stop_reason: 'end_turn', usage }))
  })
  const target = { provider: 'e', model: 'm' }
  const targets = [{ ...target, ...(dropParams === undefined ? {} : { dropParams }) }]
  const { gateway } = await world(signed(toEngine(url, dialect, { targets })))
  const ask = async (more: object) => {
    const messages = [{ role: 'user', content: 'x' }]
    const answer = await fetch(`${gateway.url}/v1/messages`, {
      method: 'POST',
      headers: { 'x-api-key': key },
      body: JSON.stringify({ model: 'chat', max_tokens: 9, messages, ...more }),
    })
    const { status, headers } = answer
    const said = await answer.text()
    return { status, said, dropped: headers.get('x-tutti-dropped-params') }
  }
  return { ask, heard }
}

const thinking = { type: 'enabled', budget_tokens: 1024 }
const search = { type: 'web_search_20250305', name: 'web_search' }
const tool = { name: 'f', input_schema: { type: 'object' } }

test('they are left out where they have no counterpart, and named in the answer', async () => {
  const { ask, heard } = await bed('openai', ['thinking', 'top_k', 'tools[]'])
  const asked = { thinking, top_k: 3, tools: [tool, search, search], stream: false }
  const { status, dropped } = await ask(asked)
  expect([status, dropped?.split(', ').sort()]).toEqual([200, ['thinking', 'tools[]', 'top_k']])
  expect(heard).toMatchObject([{ max_tokens: 9, tools: [{ function: { name: 'f' } }] }])
  expect(JSON.stringify(heard)).not.toMatch(/thinking|top_k|web_search|1024/)
  expect((await ask({})).dropped).toBeNull()
})

test('others are refused by name, and so are those where nobody declared them', async () => {
  const { ask } = await bed('openai', ['top_k'])
  const refused = await ask({ thinking, top_k: 3 })
  expect([refused.status, refused.said]).toEqual([400, expect.stringContaining('budget_tokens')])
  const plain = await bed('openai')
  expect(await plain.ask({ top_k: 3 })).toMatchObject({ status: 400, dropped: null })
})

test('who speaks the dialect hears all of it', async () => {
  const { ask, heard } = await bed('anthropic', ['thinking', 'top_k'])
  expect(await ask({ thinking, top_k: 3 })).toMatchObject({ status: 200, dropped: null })
  expect(heard).toMatchObject([{ thinking, top_k: 3 }])
})

test('more of a list than can be read again are refused', async () => {
  const { ask } = await bed('openai', ['tools[]'])
  expect((await ask({ tools: Array.from({ length: 17 }, () => search) })).status).toBe(400)
  expect((await ask({ tools: Array.from({ length: 16 }, () => search) })).status).toBe(200)
})
