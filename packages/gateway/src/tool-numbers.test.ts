// Numbers that a double does not hold, through the gateway's own server of tools: to a server and back.

import { createHash } from 'node:crypto'
import { guardSpec } from '@tutti/core/governance'
import { toolServerSpec } from '@tutti/core/routing'
import { expect, test } from 'vitest'
import { key, serve, signed, world } from './gateway-world.fixture.ts'
import type { KeyEntry } from './routing/index.ts'
import { toolSnapshot } from './tool-world.fixture.ts'
import { hidingNumbers } from './tools/hidden-numbers.ts'

const id = '9007199254740993' // a double has it as …992
const big = '12345678901234567890.5e300'

const schema = `{"type":"object","properties":{"id":{"type":"integer","maximum":${id}}}}`
const file = `{"type":"resource_link","uri":"a:b","name":"f","size":${id}}`
const shape = `{"id":${id},"more":[${big}],"text":"${id}"}`
const results: Readonly<Record<string, string>> = {
  'tools/list': `{"tools":[{"name":"f","inputSchema":${schema}}]}`,
  'tools/call': `{"content":[${file}],"structuredContent":${shape}}`,
}

/** A server that answers every question by its method, as one message or as events. */
async function bed(
  form: 'message' | 'events',
  more: object = {},
  said = results,
  keys: Partial<KeyEntry> = {},
) {
  const heard: string[] = []
  const { url } = await serve((request, response, body) => {
    if (request.method !== 'POST') return response.writeHead(405).end()
    heard.push(body)
    const { id: asked, method, params } = JSON.parse(body)
    if (asked === undefined) return response.writeHead(202).end()
    if (method === 'server/discover') return response.writeHead(400).end() // of a later form
    const about = { capabilities: { tools: {} }, serverInfo: { name: 's', version: '1' } }
    const hello = JSON.stringify({ protocolVersion: params.protocolVersion, ...about })
    const told = `{"jsonrpc":"2.0","id":${asked},"result":${said[method] ?? hello}}`
    if (form === 'message') {
      return response.writeHead(200, { 'content-type': 'application/json' }).end(told)
    }
    const event = `id: ${big}\r\nevent: message\r\ndata: ${told.replace('{', '{\r\ndata: ')}\r\n\r\n`
    response.writeHead(200, { 'content-type': 'text/event-stream' }).end(event)
  })
  const { gateway, untilKept } = await world(
    signed(toolSnapshot([{ name: 's', url, ...more }], keys)),
  )
  const ask = async (message: string): Promise<string> => {
    const answer = await fetch(`${gateway.url}/mcp`, {
      method: 'POST',
      headers: {
        ...{ authorization: `Bearer ${key}`, 'content-type': 'application/json' },
        accept: 'application/json, text/event-stream',
      },
      body: message,
    })
    return await answer.text()
  }
  return { ask, heard, untilKept }
}

const call = `{"jsonrpc":"2.0","id":${id},"method":"tools/call","params":
  {"name":"s__f","arguments":{"id":${id},"big":${big}},"_meta":{"of":${id}}}}`

test.each(['message', 'events'] as const)('go through as they are, as %s', async (form) => {
  const { ask, heard } = await bed(form)
  const answer = await ask(call)
  const asked = heard.find((body) => body.includes('tools/call'))
  expect(asked).toContain(`"arguments":{"id":${id},"big":${big}},"_meta":{"of":${id}}`)
  expect(answer).toContain(`"structuredContent":${shape}`)
  expect(answer).toContain(`"id":${id}}`) // which call it answers
  expect(answer).toContain('"size":9007199254740992') // the protocol's own
  const listed = await ask('{"jsonrpc":"2.0","id":1,"method":"tools/list"}')
  expect(listed).toContain(`"maximum":${id}`)
})

test('a guard sees their digits', async () => {
  const other = '9007199254740995'
  const guard = guardSpec.parse({ on: ['input'], blocklist: [other] })
  const { ask, heard } = await bed('message', { guard })
  expect(await ask(call.replaceAll(id, other))).toContain('guardrail_denied')
  expect(heard.some((body) => body.includes('tools/call'))).toBe(false)
})

test('are taken out as others are, and fit what a guard wants of a result', async () => {
  const [card, other] = ['4000000000000000006', '4000000000000000014'] // no doubles
  const outputSchema = { type: 'object', properties: { of: { type: 'integer' } } }
  const guard = guardSpec.parse({ detect: ['card'], outputSchema })
  const said = {
    ...results,
    'tools/call': `{"content":[],"structuredContent":{"id":${other},"of":${id}}}`,
  }
  const { ask, heard } = await bed('message', { guard }, said)
  const answer = await ask(call.replace(`{"id":${id}`, `{"id":${card}`))
  expect(heard.find((body) => body.includes('tools/call'))).toContain('{"id":"[CARD_1]",')
  expect(answer).toContain(`"structuredContent":{"id":"[CARD]","of":${id}}`)
})

test('are kept as they are', async () => {
  const { ask, untilKept } = await bed('message', {
    bodies: toolServerSpec.parse({ bodies: {} }).bodies,
  })
  await ask(call)
  const [kept] = await untilKept(1)
  expect(kept?.input?.text).toContain(`"id":${id}`)
  expect(kept?.output?.text).toContain(`"id":${id}`)
})

test('count in what a tool is known by', async () => {
  const { ask } = await bed('message', { pins: {} })
  const listed = await ask('{"jsonrpc":"2.0","id":1,"method":"tools/list"}')
  const text = `{"inputSchema":{"properties":{"id":{"maximum":${id},"type":"integer"}},"type":"object"},"name":"f"}`
  const digest = `sha256:${createHash('sha256').update(text).digest('hex')}`
  expect(listed).toContain(digest)
})

test('events are cut where they end, however they come', async () => {
  const events =
    'data: {"result":{"a":1}}\n\n: \r\n\r\ndata: {"result":{"a":[2]}}\r\rid: 7\n\ndata: x'
  for (let size = 1; size < 12; size++) {
    const pieces = (async function* () {
      for (let at = 0; at < events.length; at += size)
        yield Buffer.from(events.slice(at, at + size))
    })()
    const got: Buffer[] = []
    for await (const piece of hidingNumbers(pieces, 'events')) got.push(piece)
    expect(Buffer.concat(got).toString()).toBe(events)
  }
})

test('a message that is nested too deep takes no place from its key', async () => {
  const { ask } = await bed('message', {}, results, { limits: { concurrent: 1 } })
  const deep = '['.repeat(50_000) + ']'.repeat(50_000)
  const message = call.replace(`"big":${big}`, `"deep":${deep}`)
  await ask(message).catch(() => 'cut') // where a call of ours ends does not matter here
  expect(await ask('{"jsonrpc":"2.0","id":1,"method":"tools/list"}')).toContain(`"maximum":${id}`)
})
