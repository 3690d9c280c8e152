// Thoughts that a model sealed for one account, in conversations that go on at another.

import { routeSpec, type Snapshot } from '@tutti/core/routing'
import { expect, test } from 'vitest'
import { key, serve, signed, snapshotOf, world } from './gateway-world.fixture.ts'

// biome-ignore lint/suspicious/noExplicitAny: what an engine reads
type Json = any

const thought = (account: string) => ({
  ...{ type: 'reasoning', id: 'rs_1', summary: [], encrypted_content: `of ${account}` },
})
const sealsIn = (said: Json): string[] =>
  [said.input].flat().flatMap((item: Json) => item.encrypted_content ?? [])

/** An account whose model thinks, and reads no thoughts but its own. */
async function account(name: string) {
  const asked: Json[] = []
  const { url } = await serve((_, response, text) => {
    const said = JSON.parse(text)
    asked.push(said)
    if (sealsIn(said).some((seal) => seal !== `of ${name}`)) {
      const message = 'The encrypted content for item rs_1 could not be verified.'
      const error = { type: 'invalid_request_error', code: 'invalid_encrypted_content', message }
      response.writeHead(400, { 'content-type': 'application/json' })
      return response.end(JSON.stringify({ error }))
    }
    const message = { type: 'message', id: 'msg_1', role: 'assistant', status: 'completed' }
    const content = [{ type: 'output_text', text: `by ${name}`, annotations: [] }]
    const done = {
      ...{ id: 'r', object: 'response', status: 'completed', model: 'm' },
      output: [thought(name), { ...message, content }],
      usage: { input_tokens: 3, output_tokens: 2 },
    }
    if (said.stream !== true) return response.end(JSON.stringify(done))
    response.writeHead(200, { 'content-type': 'text/event-stream' })
    const delta = { type: 'response.output_text.delta', delta: `by ${name}` }
    const events = [delta, { type: 'response.completed', response: done }]
    return response.end(events.map((event) => `data: ${JSON.stringify(event)}\n\n`).join(''))
  })
  return { name, url: `${url}/v1`, asked }
}

type Account = Awaited<ReturnType<typeof account>>

function routeTo(accounts: readonly Account[], more: object = {}, sequence = 1): Snapshot {
  const targets = accounts.map(({ name }, tier) => ({ provider: name, model: 'm', tier }))
  return snapshotOf({
    sequence,
    routes: [{ name: 'chat', project: 'default', ...routeSpec.parse({ targets, ...more }) }],
    providers: accounts.map(({ name, url: baseUrl }) => ({
      ...{ name, project: 'default', dialect: 'openai-responses', baseUrl, apiKey: name },
      allowPrivateNetwork: true,
    })),
  })
}

async function ask(gateway: { readonly url: string }, more: object) {
  const answer = await fetch(`${gateway.url}/v1/responses`, {
    method: 'POST',
    headers: { authorization: `Bearer ${key}` },
    body: JSON.stringify({ model: 'chat', input: 'hi', reasoning: { effort: 'low' }, ...more }),
  })
  const text = await answer.text()
  return { status: answer.status, text, attempts: answer.headers.get('x-tutti-attempts') }
}

test.each([true, false])(
  'a kept conversation goes on where its Route has moved to (stream: %s)',
  async (stream) => {
    const [one, two] = [await account('one'), await account('two')]
    const { gateway, push, untilEvent } = await world(signed(routeTo([one])))
    const { id } = JSON.parse((await ask(gateway, { store: true })).text)
    const previous = { previous_response_id: id, store: true }
    expect((await ask(gateway, previous)).text).toContain('by one')
    expect(sealsIn(one.asked.at(-1))).toEqual(['of one'])
    push(signed(routeTo([two], {}, 2)))
    await untilEvent('snapshot', 2)
    const { status, text } = await ask(gateway, { ...previous, stream })
    expect([status, text.includes('by two')]).toEqual([200, true])
    expect(two.asked.map(sealsIn)).toEqual([['of one'], []])
  },
)

test('of several accounts the one is asked that can read them', async () => {
  const [one, two] = [await account('one'), await account('two')]
  const { gateway } = await world(signed(routeTo([two, one])))
  const { status, text } = await ask(gateway, { input: [thought('one')] })
  expect([status, text.includes('by one')]).toEqual([200, true])
  expect(sealsIn(one.asked[0])).toEqual(['of one'])
})

test('where the one that could is gone, another goes on without them', async () => {
  const two = await account('two')
  const gone = { name: 'one', url: 'http://127.0.0.1:1/v1', asked: [] }
  const { gateway } = await world(signed(routeTo([gone, two], { attemptsMax: 9 })))
  const { status, text } = await ask(gateway, { input: [thought('one')] })
  expect([status, text.includes('by two')]).toEqual([200, true])
})

test('within what its Route allows: else its caller is told why', async () => {
  const two = await account('two')
  const { gateway } = await world(signed(routeTo([two], { attemptsMax: 1 })))
  const { status, text } = await ask(gateway, { input: [thought('one')] })
  expect([status, JSON.parse(text).error.code]).toEqual([400, 'invalid_encrypted_content'])
  expect(two.asked).toHaveLength(1)
})
