import { createServer } from 'node:http'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { ActFailed } from './act.ts'
import { openEgress } from './egress.ts'
import { infer } from './infer.ts'

let url = ''
const seen: { path: string | undefined; key: string | undefined; body: Record<string, unknown> }[] =
  []
let says = 'hello'
const gateway = createServer(async (request, response) => {
  const chunks: Buffer[] = []
  for await (const chunk of request) chunks.push(chunk)
  const body = JSON.parse(Buffer.concat(chunks).toString())
  seen.push({ path: request.url, key: request.headers.authorization, body })
  const chat = { choices: [{ message: { content: says } }], usage: { total_tokens: 7 } }
  response.writeHead(200, { 'content-type': 'application/json' })
  response.end(
    JSON.stringify(request.url?.startsWith('/v1/') ? chat : { outputs: [{ data: [1] }] }),
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

const ask = (args: object, inference: { url: string; key: string } | null = { url, key: 'k' }) =>
  infer(inference, args as never, {
    egress: openEgress({ allowPrivate: false }),
    signal: new AbortController().signal,
    idempotencyKey: 'run/do/0/a',
  })
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
