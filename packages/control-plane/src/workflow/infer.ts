// Infer
//
// `tutti.infer`: asks a Route through the gateway. With `messages` it is a chat, whose answer may have to fit a JSON
// Schema (`output`), or may ask for tools (`tools`); with `inputs` it is an inference over tensors.

import type { Json } from '@tutti/core/resource'
import { checkSchema, standardError } from '@tutti/core/workflow'
import { z } from 'zod'
import { ActFailed } from './act.ts'
import { callHttp, httpArguments } from './call-http.ts'
import type { Caller } from './caller.ts'
import { openEgress } from './egress.ts'

/** The gateway of this site, and the key to ask it with. */
export interface Inference {
  readonly url: string
  readonly key: string
}

const inferArguments = z.looseObject({
  route: z.string(),
  messages: z.array(z.json()).optional(),
  inputs: z.array(z.json()).optional(),
  output: z.record(z.string(), z.json()).optional(),
})
const cameMax = 200 // characters of an answer that is no completion, in our sentence

const embedArguments = z.looseObject({
  route: z.string(),
  input: z.union([z.string(), z.array(z.string()).min(1)]),
})
const message = z.looseObject({
  content: z.string().nullish(),
  tool_calls: z
    .array(
      z.looseObject({
        id: z.string(),
        function: z.looseObject({ name: z.string(), arguments: z.string() }),
      }),
    )
    .nullish(),
})
const completion = z.looseObject({
  /** Which model answered: that of a Provider says its version here. */
  model: z.string().optional(),
  choices: z.array(z.looseObject({ message })),
  usage: z.json().optional(),
})

const embeddings = z.looseObject({
  /** As of a completion. */
  model: z.string().optional(),
  data: z.array(z.looseObject({ index: z.int(), embedding: z.array(z.number()) })),
  usage: z.json().optional(),
})

const egress = openEgress({ allowPrivate: true }) // the gateway is ours, wherever it stands

export async function infer(
  inference: Inference | null,
  given: Json,
  caller: Caller,
): Promise<Json> {
  const parsed = inferArguments.safeParse(given)
  if (!parsed.success) throw failed('configuration', 'infer has a route, and messages or inputs')
  const { route, messages, inputs, output, ...more } = parsed.data
  const isChat = messages !== undefined
  const path = isChat ? '/v1/chat/completions' : `/v2/models/${encodeURIComponent(route)}/infer`
  const form = output === undefined ? {} : { response_format: formatOf(output) }
  const body = isChat
    ? { ...more, ...form, model: route, messages }
    : { ...more, inputs: inputs ?? [] }
  const answer = await ask(inference, { path, body }, caller)
  if (isChat) await note(completion.safeParse(answer).data?.model, route, caller)
  return isChat ? readChat(answer, output) : answer
}

/** `tutti.embed`: the vectors of texts, in their order. */
export async function embed(
  inference: Inference | null,
  given: Json,
  caller: Caller,
): Promise<Json> {
  const parsed = embedArguments.safeParse(given)
  if (!parsed.success) throw failed('configuration', 'embed has a route, and a text or several')
  const { route, ...more } = parsed.data
  const body = { ...more, model: route, encoding_format: 'float' }
  const answer = embeddings.safeParse(
    await ask(inference, { path: '/v1/embeddings', body }, caller),
  )
  const count = Array.isArray(parsed.data.input) ? parsed.data.input.length : 1
  if (answer.data?.data.length !== count) {
    throw failed('communication', `the route gave no ${count} vectors`)
  }
  await note(answer.data.model, route, caller)
  const vectors = [...answer.data.data].sort((a, b) => a.index - b.index)
  return {
    embeddings: vectors.map(({ embedding }) => embedding),
    usage: answer.data.usage ?? null,
  }
}

/** The Provider's own name of what answered, for the run's lineage. */
async function note(said: string | undefined, route: string, caller: Caller): Promise<void> {
  if (said !== undefined && said !== route) await caller.noteModel?.(said)
}

async function ask(
  inference: Inference | null,
  { path, body }: { readonly path: string; readonly body: Json },
  caller: Caller,
): Promise<Json> {
  if (inference === null) throw failed('configuration', 'this control plane knows no gateway')
  const request = httpArguments.parse({
    method: 'post',
    endpoint: {
      uri: `${inference.url.replace(/\/$/, '')}${path}`,
      authentication: { bearer: { token: inference.key } },
    },
    body,
  })
  return await callHttp(request, { ...caller, egress, isOurs: true })
}

function formatOf(schema: Json): Json {
  return { type: 'json_schema', json_schema: { name: 'output', schema, strict: true } }
}

/** The text of a chat's answer, or the object that was asked for, with what it used. */
function readChat(answer: Json, schema: Json | undefined): Json {
  const parsed = completion.safeParse(answer)
  const said = parsed.success ? parsed.data.choices[0]?.message : undefined
  const { content = null, tool_calls: calls } = said ?? {}
  const usage = parsed.data?.usage ?? null
  if (calls != null && calls.length > 0) {
    const toolCalls = calls.map(({ id, function: { name, arguments: args } }) => ({
      ...{ id, name, arguments: args },
    }))
    return { content, usage, toolCalls }
  }
  if (content === null) {
    const came = (JSON.stringify(answer) ?? 'nothing').slice(0, cameMax)
    const message = `the route gave no message: expected a chat completion, got ${came}`
    throw failed('communication', message)
  }
  if (schema === undefined) return { content, usage }
  const value = parseContent(content)
  const wrong = checkSchema(schema, value)
  if (wrong !== null) throw failed('validation', `the answer does not fit: ${wrong}`)
  return { content: value, usage }
}

function parseContent(content: string): Json {
  try {
    return JSON.parse(content)
  } catch {
    throw failed('validation', 'the answer was to be JSON and is none')
  }
}

function failed(kind: 'configuration' | 'communication' | 'validation', detail: string): ActFailed {
  return new ActFailed(standardError(kind, detail))
}
