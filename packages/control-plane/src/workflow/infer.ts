// Infer
//
// `tutti.infer`: asks a Route through the gateway. With `messages` it is a chat, whose answer may have to fit a JSON
// Schema (`output`); with `inputs` it is an inference over tensors.

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
const completion = z.looseObject({
  choices: z.array(z.looseObject({ message: z.looseObject({ content: z.string().nullable() }) })),
  usage: z.json().optional(),
})

const egress = openEgress({ allowPrivate: true }) // the gateway is ours, wherever it stands

export async function infer(
  inference: Inference | null,
  given: Json,
  caller: Caller,
): Promise<Json> {
  if (inference === null) throw failed('configuration', 'this control plane knows no gateway')
  const parsed = inferArguments.safeParse(given)
  if (!parsed.success) throw failed('configuration', 'infer has a route, and messages or inputs')
  const { route, messages, inputs, output, ...more } = parsed.data
  const isChat = messages !== undefined
  const path = isChat ? '/v1/chat/completions' : `/v2/models/${encodeURIComponent(route)}/infer`
  const form = output === undefined ? {} : { response_format: formatOf(output) }
  const request = httpArguments.parse({
    method: 'post',
    endpoint: {
      uri: `${inference.url.replace(/\/$/, '')}${path}`,
      authentication: { bearer: { token: inference.key } },
    },
    body: isChat ? { ...more, ...form, model: route, messages } : { ...more, inputs: inputs ?? [] },
  })
  const answer = await callHttp(request, { ...caller, egress })
  return isChat ? readChat(answer, output) : answer
}

function formatOf(schema: Json): Json {
  return { type: 'json_schema', json_schema: { name: 'output', schema, strict: true } }
}

/** The text of a chat's answer, or the object that was asked for, with what it used. */
function readChat(answer: Json, schema: Json | undefined): Json {
  const parsed = completion.safeParse(answer)
  const content = parsed.success ? parsed.data.choices[0]?.message.content : null
  if (!parsed.success || typeof content !== 'string') {
    throw failed('communication', 'the route gave no message')
  }
  const usage = parsed.data.usage ?? null
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
