// Conformance: clients
//
// The vendors' own SDKs and the two best-known frameworks, unmodified, against the gateway: text, tools and structured
// output, whole and streamed, each over an engine that speaks another dialect than the client.

import { createAnthropic } from '@ai-sdk/anthropic'
import { createGoogleGenerativeAI } from '@ai-sdk/google'
import { createOpenAI } from '@ai-sdk/openai'
import Anthropic from '@anthropic-ai/sdk'
import { GoogleGenAI } from '@google/genai'
import type { AIMessageChunk } from '@langchain/core/messages'
import { ChatOpenAI } from '@langchain/openai'
import {
  generateText,
  jsonSchema,
  type LanguageModel,
  Output,
  streamText,
  type ToolSet,
  tool,
} from 'ai'
import OpenAI from 'openai'
import { judgeEmbeddings } from './client-embeds.ts'
import { type DialectBed, startDialectBed } from './dialect-bed.ts'
import { clientKeeps, clientNames, clientTalks } from './kept-responses.ts'
import { type Score, Scoring } from './score.ts'
import { type DialectName, type Json, parameters, type Said } from './wire/wire-dialect.ts'

const usage = { input: 30, output: 12, cached: 0, reasoning: 0 }
const said: Said = { text: 'Hello, wörld', calls: [], stop: 'stop', usage }
const called: Said = {
  text: '',
  calls: [
    { id: 'call_1', name: 'weather', args: { city: 'Köln' } },
    { id: 'call_2', name: 'weather', args: { city: 'Oslo' } },
  ],
  stop: 'calls',
  usage,
}
const structured: Said = { ...said, text: '{"city":"Köln"}' }

/** One client in one way of calling: what it gives for text, for tools, for a schema. */
interface Client {
  readonly name: string
  /** Dialects of engines that it is tried over. */
  readonly over: readonly DialectName[]
  readonly text: (model: string) => Promise<string>
  /** The cities that it wants to know the weather of. */
  readonly calls: (model: string) => Promise<readonly string[]>
  /** The city of the structured answer. */
  readonly structure: (model: string) => Promise<string>
  /** The message of the error that it throws. */
  readonly fail: (model: string) => Promise<unknown>
}

export async function clients(): Promise<Score> {
  const bed = await startDialectBed()
  const scoring = new Scoring()
  try {
    const { gateway, key } = bed.fleet
    const all = [
      ...openaiClients(gateway, key),
      ...anthropicClients(gateway, key),
      ...geminiClients(gateway, key),
      ...aiClients(gateway, key),
      ...langchainClients(gateway, key),
    ]
    for (const client of all) {
      for (const to of client.over) await judge(bed, client, to, scoring)
    }
    for (const to of others) {
      bed.engine.script = said
      const kept = await clientKeeps(bed, bed.modelOf(to)).catch(String)
      scoring.check(kept === `${said.text},true,1,404`, `openai keeps over ${to}: ${kept}`)
      const talked = await clientTalks(bed, bed.modelOf(to)).catch(String)
      scoring.check(talked === `true,${said.text}`, `openai over a WebSocket to ${to}: ${talked}`)
      bed.engine.script = called
      const answers = await clientNames(bed, bed.modelOf(to), () => {
        bed.engine.script = said
      }).catch((error: unknown) => [String(error)])
      const isWell = answers.join() === [said.text, said.text].join()
      scoring.check(isWell, `ai names what was said over ${to}: ${answers.join()}`)
    }
    await judgeEmbeddings(bed, scoring)
    return scoring.score
  } finally {
    await bed.stop()
  }
}

async function judge(
  bed: DialectBed,
  client: Client,
  to: DialectName,
  scoring: Scoring,
): Promise<void> {
  const model = bed.modelOf(to)
  const check = async (what: string, act: () => Promise<boolean>) => {
    const place = `${client.name} over ${to}, ${what}`
    try {
      scoring.check(await inTime(act()), place)
    } catch (error) {
      scoring.check(false, `${place}: ${String(error)}`)
    }
  }
  bed.engine.script = said
  await check('text', async () => (await client.text(model)) === said.text)
  bed.engine.script = called
  await check('calls', async () => (await client.calls(model)).join() === 'Köln,Oslo')
  bed.engine.script = structured
  await check('structure', async () => (await client.structure(model)) === 'Köln')
  bed.engine.script = { status: 400, message: 'the engine does not like it' }
  await check('an error', async () => {
    try {
      await client.fail(model)
      return false
    } catch (error) {
      return JSON.stringify([String(error), error]).includes('does not like it')
    }
  })
}

const callMsMax = 10_000 // an engine on loopback answers in milliseconds

/** Some clients wait for ever where they do not understand an answer. */
async function inTime(call: Promise<boolean>): Promise<boolean> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`no end in ${callMsMax} ms`)), callMsMax)
  })
  try {
    return await Promise.race([call, late])
  } finally {
    clearTimeout(timer)
  }
}

const prompt = 'Say hello.'
const messages = [{ role: 'user' as const, content: prompt }]
const others: readonly DialectName[] = ['openai', 'openai-responses', 'anthropic', 'gemini']
const openaiTools = [{ type: 'function' as const, function: { name: 'weather', parameters } }]
const strict = { name: 'answer', strict: true, schema: parameters }
const cityOf = (text: string | null | undefined): string => JSON.parse(text ?? '{}').city

function openaiClients(gateway: string, apiKey: string): Client[] {
  const { chat, responses } = new OpenAI({ apiKey, baseURL: `${gateway}/v1`, maxRetries: 0 })
  const format = { type: 'json_schema', json_schema: strict } as const
  const text = { format: { type: 'json_schema', ...strict } } as const
  const tools = [{ type: 'function' as const, name: 'weather', parameters, strict: false }]
  const streamed = (model: string, more: object = {}) =>
    chat.completions.stream({ model, messages, ...more }).finalChatCompletion()
  const calls = (completion: Json): string[] =>
    completion.choices[0].message.tool_calls.map((call: Json) => cityOf(call.function.arguments))
  const ask = (model: string, more: object = {}) =>
    chat.completions.create({ model, messages, ...more, stream: false })
  const respond = (model: string, more: object = {}) =>
    responses.create({ model, input: prompt, ...more, stream: false })
  const follow = (model: string, more: object = {}) =>
    responses.stream({ model, input: prompt, ...more }).finalResponse()
  const asked = (response: Json): string[] =>
    response.output
      .filter((item: Json) => item.type === 'function_call')
      .map((item: Json) => cityOf(item.arguments))
  const content = (completion: Json): string => completion.choices[0].message.content
  return [
    {
      ...{ name: 'openai chat', over: others },
      text: async (model) => content(await ask(model)),
      calls: async (model) => calls(await ask(model, { tools: openaiTools })),
      structure: async (model) => cityOf(content(await ask(model, { response_format: format }))),
      fail: ask,
    },
    {
      ...{ name: 'openai chat, streamed', over: others },
      text: async (model) => content(await streamed(model)),
      calls: async (model) => calls(await streamed(model, { tools: openaiTools })),
      structure: async (model) =>
        cityOf(content(await streamed(model, { response_format: format }))),
      fail: streamed,
    },
    {
      ...{ name: 'openai responses', over: others },
      text: async (model) => (await respond(model)).output_text,
      calls: async (model) => asked(await respond(model, { tools })),
      structure: async (model) => cityOf((await respond(model, { text })).output_text),
      fail: respond,
    },
    {
      ...{ name: 'openai responses, streamed', over: others },
      text: async (model) => (await follow(model)).output_text,
      calls: async (model) => asked(await follow(model, { tools })),
      structure: async (model) => cityOf((await follow(model, { text })).output_text),
      fail: follow,
    },
  ]
}

function anthropicClients(gateway: string, apiKey: string): Client[] {
  const client = new Anthropic({ apiKey, baseURL: gateway, maxRetries: 0 })
  const format = { type: 'json_schema' as const, schema: parameters }
  const tools = [{ name: 'weather', input_schema: { ...parameters, type: 'object' as const } }]
  const ask = (model: string, more: object = {}) =>
    client.messages.create({ model, max_tokens: 99, messages, ...more, stream: false })
  const follow = (model: string, more: object = {}) =>
    client.messages.stream({ model, max_tokens: 99, messages, ...more }).finalMessage()
  const text = ({ content }: Json): string => content[0].text
  const calls = ({ content }: Json): string[] =>
    content
      .filter((block: Json) => block.type === 'tool_use')
      .map((block: Json) => block.input.city)
  return [ask, follow].map((act, i) => ({
    ...{ name: `@anthropic-ai/sdk${i === 0 ? '' : ', streamed'}`, over: others },
    text: async (model) => text(await act(model)),
    calls: async (model) => calls(await act(model, { tools })),
    structure: async (model) => cityOf(text(await act(model, { output_config: { format } }))),
    fail: act,
  }))
}

function geminiClients(gateway: string, apiKey: string): Client[] {
  const client = new GoogleGenAI({ apiKey, httpOptions: { baseUrl: gateway } })
  const tools = [{ functionDeclarations: [{ name: 'weather', parametersJsonSchema: parameters }] }]
  const json = { responseMimeType: 'application/json', responseJsonSchema: parameters }
  const ask = async (model: string, config: object = {}) => {
    const { text, functionCalls } = await client.models.generateContent({
      ...{ model, contents: prompt, config },
    })
    return { text: text ?? '', calls: functionCalls ?? [] }
  }
  const follow = async (model: string, config: object = {}) => {
    const parts = { model, contents: prompt, config }
    let text = ''
    const calls: Json[] = []
    for await (const chunk of await client.models.generateContentStream(parts)) {
      text += chunk.text ?? ''
      calls.push(...(chunk.functionCalls ?? []))
    }
    return { text, calls }
  }
  return [ask, follow].map((act, i) => ({
    ...{ name: `@google/genai${i === 0 ? '' : ', streamed'}`, over: others },
    text: async (model) => (await act(model)).text,
    calls: async (model) => (await act(model, { tools })).calls.map((call: Json) => call.args.city),
    structure: async (model) => cityOf((await act(model, json)).text),
    fail: act,
  }))
}

/** The AI SDK with each of its providers. */
function aiClients(gateway: string, apiKey: string): Client[] {
  const openai = createOpenAI({ apiKey, baseURL: `${gateway}/v1` })
  const anthropic = createAnthropic({ apiKey, baseURL: `${gateway}/v1` })
  const google = createGoogleGenerativeAI({ apiKey, baseURL: `${gateway}/v1beta` })
  const models: Readonly<Record<string, (model: string) => LanguageModel>> = {
    '@ai-sdk/openai chat': (model) => openai.chat(model),
    '@ai-sdk/openai responses': (model) => openai.responses(model),
    '@ai-sdk/anthropic': (model) => anthropic(model),
    '@ai-sdk/google': (model) => google(model),
  }
  // The AI SDK's own types do not hold under exactOptionalPropertyTypes.
  const weather: unknown = tool({
    description: 'of a city',
    inputSchema: jsonSchema<Json>(parameters as Json),
  })
  const tools: ToolSet = { weather: weather as ToolSet[string] }
  const output = Output.object({ schema: jsonSchema<Json>(parameters as Json) })
  return Object.entries(models).flatMap(([name, of]): Client[] => {
    const about = (model: string) => ({ model: of(model), prompt, maxRetries: 0 })
    const quiet = (model: string) => ({ ...about(model), onError: () => {} })
    const onError = ({ error }: { error: unknown }) => {
      throw error
    }
    return [
      {
        ...{ name: `ai with ${name}`, over: others },
        text: async (model) => (await generateText(about(model))).text,
        calls: async (model) => {
          const { toolCalls } = await generateText({ ...about(model), tools })
          return toolCalls.map(({ input }: Json) => input.city)
        },
        structure: async (model) => (await generateText({ ...about(model), output })).output.city,
        fail: (model) => generateText(about(model)),
      },
      {
        ...{ name: `ai with ${name}, streamed`, over: others },
        text: async (model) => await streamText(quiet(model)).text,
        calls: async (model) => {
          const calls = await streamText({ ...quiet(model), tools }).toolCalls
          return calls.map(({ input }: Json) => input.city)
        },
        structure: async (model) => (await streamText({ ...quiet(model), output }).output).city,
        fail: async (model) => {
          for await (const part of streamText(quiet(model)).fullStream) {
            if (part.type === 'error') onError(part)
          }
        },
      },
    ]
  })
}

function langchainClients(gateway: string, apiKey: string): Client[] {
  const of = (model: string) =>
    new ChatOpenAI({
      ...{ model, apiKey, maxRetries: 0, useResponsesApi: false },
      configuration: { baseURL: `${gateway}/v1` },
    })
  const ask = async (model: string, more: object = {}) => await of(model).invoke(prompt, more)
  const follow = async (model: string, more: object = {}) => {
    let whole: AIMessageChunk | null = null
    for await (const chunk of await of(model).stream(prompt, more)) {
      whole = whole === null ? chunk : whole.concat(chunk)
    }
    if (whole === null) throw new Error('nothing came')
    return whole
  }
  const format = { type: 'json_schema', json_schema: strict }
  return [ask, follow].map((act, i) => ({
    ...{ name: `@langchain/openai${i === 0 ? '' : ', streamed'}`, over: others },
    text: async (model) => (await act(model)).text,
    calls: async (model) => {
      const { tool_calls } = await act(model, { tools: openaiTools })
      return (tool_calls ?? []).map(({ args }) => args['city'])
    },
    structure: async (model) => cityOf((await act(model, { response_format: format })).text),
    fail: act,
  }))
}
