import { createServer } from 'node:http'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { ActFailed } from './act.ts'
import { openEgress, openReach } from './egress.ts'
import { embed, infer } from './infer.ts'

let url = ''
const seen: { path: string | undefined; key: string | undefined; body: Record<string, unknown> }[] =
  []
let says = 'hello'
/** The last one first: whoever reads them goes by their index. */
const vectorsOf = (texts: string[]) => ({
  model: 'vectors-2026-11',
  data: texts.map((text, index) => ({ index, embedding: [text.length] })).reverse(),
  usage: { total_tokens: 3 },
})
const gateway = createServer(async (request, response) => {
  const chunks: Buffer[] = []
  for await (const chunk of request) chunks.push(chunk)
  const body = JSON.parse(Buffer.concat(chunks).toString())
  seen.push({ path: request.url, key: request.headers.authorization, body })
  const { message = { content: says } } = body
  const model = 'provided-2026-11'
  const chat = { model, choices: [{ message }], usage: { total_tokens: 7 } }
  const release = request.url?.includes('released') ? { 'x-tutti-release': 'sha256:parts' } : {}
  response.writeHead(200, { 'content-type': 'application/json', ...release })
  response.end(
    JSON.stringify(
      request.url === '/v1/embeddings'
        ? vectorsOf([body['input']].flat())
        : request.url?.startsWith('/v1/')
          ? chat
          : { outputs: [{ data: [1] }] },
    ),
  )
})
beforeAll(
  () =>
    new Promise<void>((resolve) => {
      gateway.listen(0, '127.0.0.1', () => {
        const address = gateway.address()
        url = `http://127.0.0.1:${typeof address === 'object' ? address?.port : 0}`
        resolve()
      })
    }),
)
afterAll(() => {
  gateway.close()
})

const caller = {
  egress: openEgress({ allowPrivate: false }),
  reach: openReach({ allowPrivate: false }),
  signal: new AbortController().signal,
  idempotencyKey: 'run/do/0/a',
}
const ask = (args: object, inference: { url: string; key: string } | null = { url, key: 'k' }) =>
  infer(inference, args as never, caller)
const errorOf = async (work: Promise<unknown>) => {
  const error = await work.then(
    () => null,
    (thrown: unknown) => thrown,
  )
  return error instanceof ActFailed ? error.error : error
}
const messages = [{ role: 'user', content: 'hi' }]

test('a chat asks its route with the key of the engine, and says what it used', async () => {
  expect(await ask({ route: 'small', messages, temperature: 0 })).toEqual({
    content: 'hello',
    usage: { total_tokens: 7 },
  })
  expect(seen.at(-1)).toEqual({
    path: '/v1/chat/completions',
    key: 'Bearer k',
    body: { model: 'small', messages, temperature: 0 },
  })
})

test('an answer by schema is an object that fits it, or an error', async () => {
  const output = {
    type: 'object',
    required: ['intent'],
    properties: { intent: { type: 'string' } },
  }
  says = '{"intent":"refund"}'
  expect(await ask({ route: 'small', messages, output })).toMatchObject({
    content: { intent: 'refund' },
  })
  expect(seen.at(-1)?.body).toMatchObject({ response_format: { type: 'json_schema' } })
  says = '{"intent":7}'
  expect(await errorOf(ask({ route: 'small', messages, output }))).toMatchObject({ status: 400 })
  says = 'no JSON'
  expect(await errorOf(ask({ route: 'small', messages, output }))).toMatchObject({ status: 400 })
})

test('tensors go to the route as they are; without a gateway nothing is asked', async () => {
  const inputs = [{ name: 'x', datatype: 'FP32', shape: [1], data: [1] }]
  expect(await ask({ route: 'parts', inputs })).toEqual({ outputs: [{ data: [1] }] })
  expect(seen.at(-1)?.path).toBe('/v2/models/parts/infer')
  expect(await errorOf(ask({ route: 'parts', inputs }, null))).toMatchObject({ status: 400 })
  expect(await errorOf(ask({ messages }))).toMatchObject({ status: 400 })
})

test('a model that asks for tools says which, and with what', async () => {
  const message = {
    content: null,
    tool_calls: [{ id: 'c1', type: 'function', function: { name: 'add', arguments: '{"a":1}' } }],
  }
  expect(await ask({ route: 'small', messages, message })).toEqual({
    ...{ content: null, usage: { total_tokens: 7 } },
    toolCalls: [{ id: 'c1', name: 'add', arguments: '{"a":1}' }],
  })
  expect(
    await errorOf(ask({ route: 'small', messages, message: { content: null } })),
  ).toMatchObject({ status: 500 })
})

test('vectors come in the order of their texts', async () => {
  const given = { route: 'small', input: ['a', 'bbb', 'cc'], dimensions: 1 }
  expect(await embed({ url, key: 'k' }, given, caller)).toEqual({
    ...{ embeddings: [[1], [3], [2]], usage: { total_tokens: 3 } },
  })
  expect(seen.at(-1)).toMatchObject({
    path: '/v1/embeddings',
    body: { model: 'small', dimensions: 1, encoding_format: 'float' },
  })
  expect(await errorOf(embed({ url, key: 'k' }, { route: 'small' }, caller))).toMatchObject({
    status: 400,
  })
})

test('which model version answered is noted', async () => {
  const noted: string[] = []
  const noting = { ...caller, noteModel: async (version: string) => void noted.push(version) }
  await infer({ url, key: 'k' }, { route: 'released', inputs: [] }, noting)
  await infer({ url, key: 'k' }, { route: 'small', messages }, noting)
  await embed({ url, key: 'k' }, { route: 'small', input: 'a' }, noting)
  expect(noted).toEqual(['sha256:parts', 'provided-2026-11', 'vectors-2026-11'])
})
