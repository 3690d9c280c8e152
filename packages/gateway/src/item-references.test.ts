// Items of kept responses that a request names instead of saying them, whatever dialect the engine speaks.

import { routeSpec } from '@tutti/core/routing'
import { expect, test } from 'vitest'
import { digest, key, serve, signed, snapshotOf, world } from './gateway-world.fixture.ts'

type Json = ReturnType<typeof JSON.parse>
const frame = (data: object) => `data: ${JSON.stringify(data)}\n\n`

const thought = { type: 'reasoning', id: 'rs_9', summary: [], encrypted_content: 'sealed' }
const call = {
  ...{ type: 'function_call', id: 'fc_9', call_id: 'c_1', name: 'weather' },
  ...{ arguments: '{}', status: 'completed' },
}

/** An engine that thinks, and calls a tool: whole, and item by item. */
async function bed(of: { store?: 'asked' | 'always' | 'never'; dialect?: 'openai' } = {}) {
  const { dialect = 'openai-responses', store = 'always' } = of
  const asked: Json[] = []
  const { url } = await serve((_request, response, body) => {
    const said = JSON.parse(body)
    asked.push(said)
    if (dialect === 'openai') {
      const { name, arguments: given, call_id: id } = call
      const calls = [{ id, type: 'function', function: { name, arguments: given } }]
      const message = { role: 'assistant', content: null, tool_calls: calls }
      const choices = [{ index: 0, message, finish_reason: 'tool_calls' }]
      return response.end(JSON.stringify({ id: 'c', model: 'm', choices }))
    }
    const begun = { id: 'resp_engine', object: 'response', status: 'in_progress', output: [] }
    const done = { ...begun, status: 'completed', output: [thought, call] }
    if (said.stream !== true) return response.end(JSON.stringify(done))
    response.writeHead(200, { 'content-type': 'text/event-stream' })
    response.write(frame({ type: 'response.created', response: begun }))
    const added = (item: object, i: number) =>
      frame({ type: 'response.output_item.added', output_index: i, item })
    response.write(added(thought, 0))
    const summed = { type: 'response.reasoning_summary_text.delta', output_index: 0, delta: 'x' }
    response.write(frame({ ...summed, item_id: thought.id, summary_index: 0 }))
    response.write(added(call, 1))
    const given = { type: 'response.function_call_arguments.delta', output_index: 1, delta: '{}' }
    response.write(frame({ ...given, item_id: call.id }))
    response.write(frame({ type: 'response.output_item.done', output_index: 1, item: call }))
    response.end(frame({ type: 'response.completed', response: done }))
  })
  const routes = { targets: [{ provider: 'e', model: 'm' }], responses: { store } }
  const about = { project: 'default', owner: 'app' }
  const { gateway } = await world(
    signed(
      snapshotOf({
        keys: [
          { ...about, id: 'app', hash: digest(key) },
          { ...about, id: 'narrow', hash: digest('narrow'), routes: ['else'] },
        ],
        routes: ['chat', 'else'].map((name) => ({
          ...{ name, project: 'default' },
          ...routeSpec.parse(routes),
        })),
        providers: [
          { name: 'e', project: 'default', dialect, baseUrl: url, allowPrivateNetwork: true },
        ],
      }),
    ),
  )
  const create = async (body: object, by = key) => {
    const answer = await fetch(`${gateway.url}/v1/responses`, {
      method: 'POST',
      headers: { authorization: `Bearer ${by}` },
      body: JSON.stringify({ model: 'chat', input: 'hi', ...body }),
    })
    const text = await answer.text()
    const events = [...text.matchAll(/^data: (\{.*)$/gm)].map(([, data]) => JSON.parse(data ?? ''))
    return { status: answer.status, events, body: events.at(-1)?.response ?? JSON.parse(text) }
  }
  const read = async (id: string): Promise<Json> => {
    const headers = { authorization: `Bearer ${key}` }
    return await (await fetch(`${gateway.url}/v1/responses/${id}`, { headers })).json()
  }
  return { asked, create, read }
}

const named = (id: string) => ({ type: 'item_reference', id })
const result = { type: 'function_call_output', call_id: 'c_1', output: 'rain' }
const hi = { role: 'user', content: 'hi' }

test('what is named is said to the target, turn after turn', async () => {
  const { create, asked } = await bed()
  const [, first] = (await create({})).body.output
  expect(first.id).toMatch(/^fc_tutti_[0-9a-f]{32}_1$/)
  const said = { type: 'function_call', call_id: 'c_1', name: 'weather', arguments: '{}' }
  const input = [hi, named(thought.id), named(first.id), result]
  const [, second] = (await create({ input })).body.output
  expect(asked[1]).toMatchObject({ store: false, input: [hi, thought, said, result] })
  const next = [...input, { id: second.id }, result] // its type may be left out
  expect((await create({ input: next })).status).toBe(200)
  expect(asked[2].input).toEqual([hi, thought, said, result, said, result])
})

test('an item has one id in all events, and thoughts keep theirs (R3)', async () => {
  const { create } = await bed()
  const { events, body } = await create({ stream: true })
  const [, { id }] = body.output
  expect(id).toBe(`fc_${body.id.slice('resp_'.length)}_1`)
  const ids = events.flatMap(({ item_id, item }: Json) => item_id ?? item?.id ?? [])
  expect(ids).toEqual([thought.id, thought.id, id, id, id])
  expect((await create({ input: [named(id), result] })).status).toBe(200)
})

test('an engine of another dialect is told what is named', async () => {
  const { create, asked } = await bed({ dialect: 'openai' })
  const [item] = (await create({})).body.output
  const { status } = await create({ input: [hi, named(item.id), result] })
  expect(status).toBe(200)
  expect(asked[1].messages.map(({ role }: Json) => role)).toEqual(['user', 'assistant', 'tool'])
  const unkept = await create({ input: [hi, named('fc_theirs'), result] })
  expect([unkept.status, unkept.body.error.param]).toEqual([400, 'input[1].type'])
  expect(unkept.body.error.message).toContain('responses: { store: always }')
})

test('what is not there, or not the key’s to read, is not found', async () => {
  const { create, asked } = await bed()
  const [, item] = (await create({})).body.output
  const input = [named(item.id), result]
  const elsewhere = await create({ model: 'else', input }, 'narrow')
  expect(elsewhere).toMatchObject({ status: 400, body: { error: { param: 'input' } } })
  const nobodys = named(`fc_tutti_${'a'.repeat(32)}_0`)
  const missing = await create({ input: [nobodys, ...input] })
  expect(missing.body.error.message).toBe(`Item with id '${nobodys.id}' not found.`)
  expect(asked).toHaveLength(1)
})

test('of so many responses as no conversation needs nothing is looked for', async () => {
  const { create } = await bed()
  const items: Json[] = []
  for (let i = 0; i < 17; i++) items.push((await create({})).body.output[1])
  const input = items.map(({ id }) => named(id))
  expect((await create({ input: input.slice(1) })).status).toBe(200)
  expect((await create({ input })).status).toBe(400)
})

test('sealed thoughts are kept for the target, and shown to who asks for them (R4)', async () => {
  const { create, asked, read } = await bed()
  const reasoning = { effort: 'low' }
  const include = ['reasoning.encrypted_content']
  for (const stream of [false, true]) {
    const { body, events } = await create({ stream, reasoning })
    expect(asked.at(-1).include).toEqual(include)
    expect(JSON.stringify([body, events])).not.toContain('sealed')
    expect(await read(body.id)).toEqual(body)
    expect((await read(`${body.id}?include[]=${include[0]}`)).output[0]).toEqual(thought)
    expect((await read(`${body.id}?include=else`)).error.param).toBe('include')
    const next = await create({ previous_response_id: body.id, store: true })
    expect(asked.at(-1).input).toContainEqual(thought)
    const items = `${next.body.id}/input_items`
    expect(JSON.stringify(await read(items))).not.toContain('sealed')
    expect((await read(`${items}?include[]=${include[0]}`)).data).toContainEqual(thought)
  }
  const open = await create({ reasoning, include, stream: true })
  expect(JSON.stringify(open.events.slice(0, 2))).toContain('sealed')
  expect(open.body.output[0]).toEqual(thought)
  for (const silent of [null, {}, { effort: null, summary: null }]) {
    await create({ reasoning: silent })
    expect(asked.at(-1).include).toBeUndefined()
  }
})

test('where nothing is kept, ids are the Provider’s own, and so is what is named', async () => {
  const { create, asked } = await bed({ store: 'asked' })
  const [, item] = (await create({})).body.output
  expect(item.id).toBe(call.id)
  const input = [named(item.id), result]
  expect((await create({ input })).status).toBe(200)
  expect(asked[1]).toEqual({ model: 'm', input })
})
