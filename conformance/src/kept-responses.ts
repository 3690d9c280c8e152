// Kept responses
//
// What the judges of OpenAI's dialects do with responses that are kept: by the schema, message by message, and by
// OpenAI's own client.

import { createOpenAI } from '@ai-sdk/openai'
import { generateText, jsonSchema, stepCountIs, streamText, type ToolSet, tool } from 'ai'
import OpenAI from 'openai'
import { ResponsesWS } from 'openai/resources/responses/ws'
import { WebSocket } from 'ws'
import type { DialectBed } from './dialect-bed.ts'
import { post } from './dialects.ts'
import type { EngineName, Json } from './wire/wire-dialect.ts'

type Check = (place: string, schema: string, value: Json) => void

/** Whole, streamed over a WebSocket, read again, by its items: each as the schema says. */
export async function judgeKept(bed: DialectBed, to: EngineName, check: Check): Promise<void> {
  const { gateway, key } = bed.fleet
  const place = `kept, ${to}`
  const asked = { model: bed.modelOf(to), input: 'Hi', store: true, max_output_tokens: 99 }
  const kept = await answerTo(bed, asked)
  check(place, 'Response', kept)
  const headers = { authorization: `Bearer ${key}` }
  const read = await fetch(`${gateway}/v1/responses/${kept.id}`, { headers })
  check(`${place}, read`, 'Response', await read.json())
  const next = await answerTo(bed, { ...asked, previous_response_id: kept.id })
  const items = await fetch(`${gateway}/v1/responses/${next.id}/input_items`, { headers })
  check(`${place}, its input`, 'ResponseItemList', await items.json())
  for (const event of await turn(bed, {
    ...asked,
    stream_id: 'a',
    previous_response_id: next.id,
  })) {
    check(`${place}, over a WebSocket`, 'ResponsesWebSocketStreamEvent', event)
  }
  for (const event of await turn(bed, { ...asked, generate: false })) {
    check(`${place}, a warm-up`, 'ResponsesWebSocketStreamEvent', event)
  }
}

async function answerTo(bed: DialectBed, body: object): Promise<Json> {
  return await (await post(bed, '/v1/responses', body)).json()
}

/** The messages of one turn. */
function turn({ fleet: { gateway, key } }: DialectBed, body: object): Promise<Json[]> {
  const socket = new WebSocket(`${gateway.replace('http', 'ws')}/v1/responses`, {
    headers: { authorization: `Bearer ${key}` },
  })
  const events: Json[] = []
  return new Promise((resolve, reject) => {
    socket.once('error', reject)
    socket.once('open', () => socket.send(JSON.stringify({ type: 'response.create', ...body })))
    socket.once('close', () => resolve(events))
    socket.on('message', (data) => {
      const event: Json = JSON.parse(String(data))
      events.push(event)
      if (event.type === 'response.completed' || event.type === 'error') socket.close()
    })
  })
}

/** OpenAI's client keeps, reads, goes on and deletes. */
export async function clientKeeps(bed: DialectBed, model: string): Promise<string> {
  const { responses } = clientOf(bed)
  const first = await responses.create({ model, input: 'Hi', store: true })
  const read = await responses.retrieve(first.id)
  const next = await responses.create({ model, input: 'Hi', previous_response_id: first.id })
  const { data } = await responses.inputItems.list(first.id)
  await responses.delete(first.id)
  const gone = await responses.retrieve(first.id).then(
    () => 'still there',
    (error: Json) => String(error.status),
  )
  return [read.output_text, next.previous_response_id === first.id, data.length, gone].join()
}

/** The AI SDK calls tools, and names what was said before instead of saying it. */
export async function clientNames(
  bed: DialectBed,
  model: string,
  onCalled: () => void,
): Promise<readonly string[]> {
  const { gateway, key } = bed.fleet
  const openai = createOpenAI({ apiKey: key, baseURL: `${gateway}/v1` })
  const begin = bed.engine.script
  const weather: unknown = tool({
    inputSchema: jsonSchema<Json>({ type: 'object', properties: { city: { type: 'string' } } }),
    execute: () => {
      onCalled()
      return 'rain'
    },
  })
  const asked = {
    ...{ model: openai.responses(model), prompt: 'Hi', maxRetries: 0, stopWhen: stepCountIs(3) },
    tools: { weather: weather as ToolSet[string] },
    providerOptions: { openai: { store: true } },
  }
  const { text: whole } = await generateText(asked)
  bed.engine.script = begin
  return [whole, await streamText(asked).text]
}

/** OpenAI's client goes on over a WebSocket from what is stored nowhere. */
export async function clientTalks(bed: DialectBed, model: string): Promise<string> {
  const socket = new ResponsesWS(clientOf(bed))
  const ask = (more: object) =>
    new Promise<Json>((resolve, reject) => {
      socket.once('error', reject)
      socket.once('response.completed', (event: Json) => resolve(event.response))
      socket.send({ type: 'response.create', model, input: 'Hi', store: false, ...more })
    })
  try {
    const first = await ask({})
    const next = await ask({ previous_response_id: first.id })
    return [next.previous_response_id === first.id, next.output[0].content[0].text].join()
  } finally {
    socket.close()
  }
}

function clientOf({ fleet: { gateway, key } }: DialectBed): OpenAI {
  return new OpenAI({ apiKey: key, baseURL: `${gateway}/v1`, maxRetries: 0 })
}
