// Site
//
// What the examples ask, on one address: Routes over the Open Inference Protocol that are real ONNX models, chats that a
// stand-in answers by rules (in real use a Provider does), and the systems around a workflow. The same question always
// gets the same answer.

import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { z } from 'zod'
import { loadOnnx, type RunOnnx } from '../models/run-onnx.ts'

const message = z.looseObject({ role: z.string(), content: z.string().nullish() })
const chat = z.looseObject({ model: z.string(), messages: z.array(message) })
const infer = z.looseObject({
  inputs: z.array(
    z.looseObject({
      name: z.string(),
      shape: z.array(z.int()),
      data: z.array(z.number()),
    }),
  ),
})
export type Messages = z.infer<typeof chat>['messages']

/** What a chat answers: text, the tools that it wants called, or nothing for ever. */
export type Reply =
  | { readonly isSilent: true }
  | { readonly content: string }
  | { readonly call: string; readonly arguments: Readonly<Record<string, unknown>> }

export interface SiteParts {
  /** ONNX files by the name of their Route. */
  readonly models?: Readonly<Record<string, Uint8Array>>
  /** Rules by the name of their Route. */
  readonly chats?: Readonly<Record<string, (messages: Messages) => Reply>>
  /** What other systems give, by path. */
  readonly pages?: Readonly<Record<string, unknown>>
}

export interface Site {
  readonly url: string
  readonly stop: () => void
}

export async function openSite({ models = {}, chats = {}, pages = {} }: SiteParts): Promise<Site> {
  const loaded = new Map<string, RunOnnx>()
  for (const [name, onnx] of Object.entries(models)) loaded.set(name, await loadOnnx(onnx))
  const answer = async (path: string, body: unknown): Promise<unknown> => {
    const [, route = ''] = /^\/v2\/models\/([^/]+)\/infer$/.exec(path) ?? []
    const model = loaded.get(decodeURIComponent(route))
    if (model !== undefined) return await runModel(route, model, body)
    if (path === '/v1/chat/completions') return await runChat(chats, body)
    return pages[path]
  }
  const server = createServer((request, response) => {
    serve(answer, request, response).catch((error: unknown) => {
      response.writeHead(500).end(String(error))
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  const port = typeof address === 'object' ? address?.port : 0
  return {
    url: `http://127.0.0.1:${port}`,
    stop: () => {
      server.closeAllConnections()
      server.close()
    },
  }
}

async function serve(
  answer: (path: string, body: unknown) => Promise<unknown>,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const chunks: Buffer[] = []
  for await (const chunk of request) chunks.push(Buffer.from(chunk))
  const text = Buffer.concat(chunks).toString()
  const said = await answer(request.url ?? '/', text === '' ? null : JSON.parse(text))
  response.writeHead(said === undefined ? 404 : 200, { 'content-type': 'application/json' })
  response.end(JSON.stringify(said ?? { error: 'nothing is here' }))
}

async function runModel(name: string, model: RunOnnx, body: unknown): Promise<unknown> {
  const [input] = infer.parse(body).inputs
  if (input === undefined) return undefined
  const outputs = await model(input.name, input.shape, Float32Array.from(input.data))
  return { model_name: name, outputs }
}

async function runChat(chats: NonNullable<SiteParts['chats']>, body: unknown): Promise<unknown> {
  const { model, messages } = chat.parse(body)
  const reply = chats[model]?.(messages)
  if (reply === undefined) return undefined
  if ('isSilent' in reply) return await new Promise(() => {})
  const text = JSON.stringify(messages)
  const usage = { prompt_tokens: text.length, completion_tokens: 20 }
  const said =
    'content' in reply
      ? { content: reply.content }
      : { content: null, tool_calls: [callOf(reply.call, reply.arguments)] }
  const finish_reason = 'content' in reply ? 'stop' : 'tool_calls'
  return {
    ...{ id: 'chatcmpl-stand-in', object: 'chat.completion', created: 0 },
    model,
    choices: [{ index: 0, finish_reason, message: { role: 'assistant', ...said } }],
    usage: { ...usage, total_tokens: usage.prompt_tokens + usage.completion_tokens },
  }
}

function callOf(name: string, args: Readonly<Record<string, unknown>>) {
  const call = { name, arguments: JSON.stringify(args) }
  return { id: `call-${name}`, type: 'function', function: call }
}
