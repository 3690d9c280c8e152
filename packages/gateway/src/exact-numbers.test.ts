// Numbers that a double does not hold, through the gateway: whoever wrote them, whoever reads them.

import { guardSpec } from '@tutti/core/governance'
import { expect, test } from 'vitest'
import WebSocket from 'ws'
import { cleanups, key, serve, signed, toEngine, world } from './gateway-world.fixture.ts'

const id = '9007199254740993' // a double has it as …992

type Dialect = 'openai' | 'openai-responses' | 'anthropic' | 'gemini'

async function bed(dialect: Dialect, said: string, more: object = {}) {
  const asked: string[] = []
  const { url } = await serve((_request, response, body) => {
    asked.push(body)
    const type = said.startsWith('{') ? 'application/json' : 'text/event-stream'
    response.writeHead(200, { 'content-type': type }).end(said)
  })
  const { gateway } = await world(signed(toEngine(url, dialect, more)))
  const ask = async (path: string, body: string) => {
    const headers = { authorization: `Bearer ${key}` }
    const answer = await fetch(`${gateway.url}${path}`, { method: 'POST', headers, body })
    return { cache: answer.headers.get('x-tutti-cache'), text: await answer.text() }
  }
  return { ask, asked, gateway }
}

const schema = `{"type":"object","properties":{"id":{"type":"integer","enum":[${id}]}}}`
const usage = '"usage":{"input_tokens":1,"output_tokens":1}'
const use = `{"type":"tool_use","id":"c","name":"f","input":{"id":${id}}}`
const anthropic = `{"id":"a","model":"m","content":[${use}],"stop_reason":"tool_use",${usage}}`
const chat = `{"model":"chat","messages":[{"role":"user","content":"x"}],
  "tools":[{"type":"function","function":{"name":"f","parameters":${schema}}}]}`

test('a request and a whole answer', async () => {
  const { ask, asked } = await bed('anthropic', anthropic)
  const { text } = await ask('/v1/chat/completions', chat)
  expect(asked[0]).toContain(`"enum":[${id}]`)
  expect(text).toContain(`"{\\"id\\":${id}}"`)
  const long = chat.replace('"x"', `"${'x'.repeat(10_000)}"`) // an outline is made of it
  await ask('/v1/chat/completions', long)
  expect(asked[1]).toContain(`"enum":[${id}]`)
})

test('an answer that becomes an object, and a stream of one', async () => {
  const call = { name: 'f', arguments: `{"id":${id}}` }
  const tool_calls = [{ index: 0, id: 'c', type: 'function', function: call }]
  const choice = { index: 0, finish_reason: 'tool_calls' }
  const whole = { id: 'o', choices: [{ ...choice, message: { content: null, tool_calls } }] }
  const { ask } = await bed('openai', JSON.stringify(whole))
  const body = '{"model":"chat","max_tokens":9,"messages":[{"role":"user","content":"x"}]}'
  expect((await ask('/v1/messages', body)).text).toContain(`"input":{"id":${id}}`)
  const chunk = { id: 'o', choices: [{ ...choice, delta: { tool_calls } }] }
  const stream = `data: ${JSON.stringify(chunk)}\n\ndata: [DONE]\n\n`
  const streaming = await bed('openai', stream)
  const path = '/v1beta/models/chat:streamGenerateContent?alt=sse'
  const { text } = await streaming.ask(path, '{"contents":[{"parts":[{"text":"x"}]}]}')
  expect(text).toContain(`"args":{"id":${id}}`)
})

test('what a response says back, and what a kept one asks', async () => {
  const body = `{"model":"chat","input":"x","store":true,"tools":[
    {"type":"function","name":"f","parameters":${schema}}]}`
  const { ask, asked } = await bed('anthropic', anthropic)
  expect((await ask('/v1/responses', body)).text).toContain(`"enum":[${id}]`)
  expect(asked[0]).toContain(`"enum":[${id}]`)
  const done = '{"id":"r","object":"response","status":"completed","output":[]}'
  const own = await bed('openai-responses', done, { responses: { store: 'asked' } })
  await own.ask('/v1/responses', body)
  expect(own.asked[0]).toContain(`"enum":[${id}]`)
})

const choice = { index: 0, delta: { content: 'so' }, finish_reason: 'stop' }
const words = `data: ${JSON.stringify({ id: 'o', choices: [choice] })}\n\ndata: [DONE]\n\n`

test('a stream that is kept', async () => {
  const { ask } = await bed('openai', words, { responses: { store: 'asked' } })
  const body = `{"model":"chat","input":"x","store":true,"stream":true,"tools":[
    {"type":"function","name":"f","parameters":${schema}}]}`
  const { text } = await ask('/v1/responses', body)
  expect(text.match(/event: response\.(created|completed)/g)).toHaveLength(2)
  expect(text.split(`"enum":[${id}]`)).toHaveLength(4) // in_progress, too
})

test('an answer that a guard rewrites', async () => {
  const mail = '{"type":"text","text":"write to a@b.example"}'
  const said = anthropic.replace('[{', `[${mail},{`)
  const guard = guardSpec.parse({ detect: ['email'], on: ['output'] })
  const { text } = await (await bed('anthropic', said, { guard })).ask('/v1/chat/completions', chat)
  expect(text).not.toContain('a@b.example')
  expect(text).toContain(`"{\\"id\\":${id}}"`)
})

test('a stream that a cache gives again as a whole', async () => {
  const call = { name: 'f', arguments: `{"id":${id}}` }
  const tool_calls = [{ index: 0, id: 'c', type: 'function', function: call }]
  const delta = { choices: [{ index: 0, delta: { tool_calls }, finish_reason: 'tool_calls' }] }
  const stream = `data: ${JSON.stringify(delta)}\n\ndata: [DONE]\n\n`
  const { ask } = await bed('openai', stream, { cache: {} })
  const body = '"model":"chat","max_tokens":9,"messages":[{"role":"user","content":"x"}]'
  await ask('/v1/messages', `{${body},"stream":true}`)
  const { cache, text } = await ask('/v1/messages', `{${body}}`)
  expect([cache, text.includes(`"input":{"id":${id}}`)]).toEqual(['exact', true])
})

test('a turn over a socket', async () => {
  const { asked, gateway } = await bed('openai', words)
  const url = `${gateway.url.replace('http', 'ws')}/v1/responses`
  const socket = new WebSocket(url, { headers: { authorization: `Bearer ${key}` } })
  cleanups.push(() => socket.close())
  await new Promise((resolve) => socket.once('open', resolve))
  const heard = new Promise<string>((resolve) => {
    socket.on('message', (data) => {
      if (`${data}`.includes('response.completed') || `${data}`.includes('"error"')) {
        resolve(`${data}`)
      }
    })
  })
  socket.send(`{"type":"response.create","model":"chat","input":"x","tools":[
    {"type":"function","name":"f","parameters":${schema}}]}`)
  expect(await heard).toContain(`"enum":[${id}]`) // said back
  expect(asked[0]).toContain(`"enum":[${id}]`)
})

test('another number is another question to a cache', async () => {
  const { ask, asked } = await bed('anthropic', anthropic, { cache: {} })
  await ask('/v1/chat/completions', chat)
  expect((await ask('/v1/chat/completions', chat)).cache).toBe('exact')
  const other = chat.replace(id, '9007199254740992')
  expect((await ask('/v1/chat/completions', other)).cache).toBe(null)
  expect(asked).toHaveLength(2)
})

test('one that is nested too deep is no question of a cache, and refused in words', async () => {
  const { ask, asked } = await bed('openai', words, { cache: {} })
  for (const depth of [3_500, 5_000]) {
    const deep = `{"id":${id},"a":${'['.repeat(depth)}${']'.repeat(depth)}}`
    const body = `{"model":"chat","messages":[{"role":"user","content":"x"}],"x":${deep}}`
    expect((await ask('/v1/chat/completions', body)).text).toContain('nested too deep')
  }
  expect(asked).toHaveLength(0)
})
