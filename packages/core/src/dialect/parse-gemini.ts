// Parse Gemini
//
// A generateContent request of Gemini's dialect, in the neutral form. Strict, as `parseOpenai` is. Calls of tools
// have no ids there, or may have none: they get one by their place, and results find theirs by name. Members may be
// written as `systemInstruction` or as `system_instruction`: Google reads both.

import { z } from 'zod'
import { exactJson } from '../resource/index.ts'
import { allowedTools, type ChatRequest, type Message, type Part } from './chat.ts'
import { geminiLink, readGeminiLink } from './gemini-link.ts'
import { jsonSchemaOf } from './gemini-schema.ts'
import { isObject, type JsonObject, objectOf } from './json.ts'
import { mergeMessages } from './merge-messages.ts'
import { OpenCalls } from './open-calls.ts'
import { ownObject } from './own-object.ts'
import { foreignSignature, givenSignature, ownSignature } from './signature.ts'
import { isStrictSchema } from './strict-schema.ts'
import { noCounterpart, type Unsayable, unsayable, unsayableOf } from './unsayable.ts'
import { withoutNulls } from './without-nulls.ts'

const audio = /^audio\/(?:(mp3|mpeg)|(?:x-)?wav)$/i
const media = /^(image\/|text\/|application\/(pdf|json)$|audio\/(mp3|mpeg|(x-)?wav)$)/i
const inlineData = z
  .strictObject({
    mimeType: z
      .string()
      .regex(media, 'of what is not text images, PDF, WAV and MP3 have a counterpart'),
    data: z.string(),
    displayName: z.string().optional(),
  })
  .refine(
    ({ mimeType, displayName }) => displayName === undefined || !/^(image|audio)/i.test(mimeType),
    {
      ...{ path: ['displayName'], error: 'a name has a counterpart of a file alone' },
    },
  )
const part = z.union([
  z.strictObject({
    text: z.string(),
    thought: z.boolean().optional(),
    thoughtSignature: z.string().optional(),
  }),
  z.strictObject({ inlineData }),
  z.strictObject({ fileData: geminiLink }),
  z.strictObject({
    functionCall: z.strictObject({
      ...{ id: z.string().optional(), name: z.string(), args: ownObject.default({}) },
      willContinue: z.literal(false).optional(),
    }),
    thought: z.literal(false).optional(),
    thoughtSignature: z.string().optional(),
  }),
  z.strictObject({
    functionResponse: z.strictObject({
      ...{ id: z.string().optional(), name: z.string(), response: ownObject },
      parts: z.array(z.strictObject({ inlineData })).optional(),
    }),
  }),
])
type GeminiPart = z.infer<typeof part>
const content = z.strictObject({
  role: z.enum(['user', 'model', 'function']).optional(), // the last one is of results
  parts: z.array(part).default([]), // an answer that was cut before its first word has none
})

const instructionPart = z.strictObject({ text: z.string() })

const generationConfig = z.strictObject({
  temperature: z.number().optional(),
  topP: z.number().optional(),
  topK: z.int().optional(),
  maxOutputTokens: z.int().optional(),
  stopSequences: z.array(z.string()).optional(),
  candidateCount: z.literal(1).optional(),
  seed: z.int().optional(),
  presencePenalty: z.number().optional(),
  frequencyPenalty: z.number().optional(),
  responseMimeType: z.enum(['text/plain', 'application/json']).optional(),
  responseSchema: ownObject.optional(),
  responseJsonSchema: ownObject.optional(),
  responseLogprobs: z.literal(false).optional(),
  responseModalities: z.array(z.literal('TEXT', 'text alone has a counterpart')).optional(),
  thinkingConfig: z
    .strictObject({
      includeThoughts: z.boolean().optional(),
      thinkingBudget: z.int().optional(),
      thinkingLevel: z
        .string()
        .transform((level) => level.toLowerCase())
        .pipe(z.enum(['minimal', 'low', 'medium', 'high', 'thinking_level_unspecified']))
        .optional(),
    })
    .optional(),
})

const declaration = z.strictObject({
  name: z.string(),
  description: z.string().optional(),
  behavior: z.enum(['UNSPECIFIED', 'BLOCKING']).optional(),
  parameters: ownObject.optional(),
  parametersJsonSchema: ownObject.optional(),
  response: ownObject.optional(),
  responseJsonSchema: ownObject.optional(),
})

// What Google's filter is to let pass, nobody else filters by these categories.
const unfiltered = z
  .looseObject({})
  .refine(({ threshold }) => threshold === 'BLOCK_NONE' || threshold === 'OFF', noCounterpart)

const request = z.strictObject({
  contents: z.array(content).min(1),
  systemInstruction: z
    .strictObject({
      role: z.string().optional(),
      parts: z.array(instructionPart),
    })
    .optional(),
  tools: z.array(z.strictObject({ functionDeclarations: z.array(declaration) })).default([]),
  toolConfig: z
    .strictObject({
      functionCallingConfig: z
        .strictObject({
          mode: z.enum(['MODE_UNSPECIFIED', 'AUTO', 'ANY', 'NONE', 'VALIDATED']).optional(),
          streamFunctionCallArguments: z.literal(false).optional(),
          allowedFunctionNames: z.array(z.string()).min(1).optional(),
        })
        .optional(),
    })
    .optional(),
  generationConfig: generationConfig.default({}),
  safetySettings: z.array(unfiltered).optional(), // some clients write an empty list by themselves
  store: z.literal(false).optional(),
})
type GeminiRequest = z.infer<typeof request>
type Calling = NonNullable<GeminiRequest['toolConfig']>['functionCallingConfig']

export function parseGemini(
  body: JsonObject,
  { model, stream }: { readonly model: string; readonly stream: boolean },
): ChatRequest | Unsayable {
  const said = withoutNulls(objectOf(inCamelCase(body)), ownNames)
  const parsed = request.safeParse(said, { reportInput: true })
  if (!parsed.success) return unsayableOf(parsed.error)
  const { contents, systemInstruction, tools, toolConfig, generationConfig } = parsed.data
  const calling = toolConfig?.functionCallingConfig
  const lost = whyLost(generationConfig, calling)
  if (lost !== null) return lost
  const strictness = calling?.mode === 'VALIDATED' ? { strict: true } : {}
  const declared = tools.flatMap((tool) => tool.functionDeclarations)
  const names = calling?.allowedFunctionNames ?? []
  const given = declared.map((one) => ({ ...toolOf(one), ...strictness }))
  const messages = messagesOf(contents)
  if (!Array.isArray(messages)) return messages
  return {
    ...{ model, stream, streamUsage: true },
    system: (systemInstruction?.parts ?? []).map(({ text }) => text).join('\n\n'),
    messages: mergeMessages(messages).map(joinedThoughts),
    tools: allowedTools(given, names.length > 1 ? names : null),
    ...choiceOf(calling),
    ...settingsOf(generationConfig),
  }
}

/** Other dialects have no place for what a function returns: models read it in the description. */
function toolOf(declared: z.infer<typeof declaration>): ChatRequest['tools'][number] {
  const { name, parameters, parametersJsonSchema, response, responseJsonSchema } = declared
  const returned = responseJsonSchema ?? (response && jsonSchemaOf(response))
  const returns = returned && `The JSON schema of what it returns: ${exactJson(returned)}`
  const description = [declared.description, returns].filter(Boolean).join('\n\n')
  return {
    name,
    ...(description === '' ? {} : { description }),
    parameters: parametersJsonSchema ?? jsonSchemaOf(parameters ?? { type: 'object' }),
  }
}

// What callers and tools name themselves.
const ownNames = new Set([
  ...['args', 'response', 'parameters', 'parametersJsonSchema', 'responseJsonSchema'],
  'responseSchema',
])

/** A member that is written both ways stays as it is, and is refused as one that is not known. */
export function inCamelCase(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(inCamelCase)
  if (!isObject(value)) return value
  const members = Object.entries(value).map(([written, member]) => {
    const camel = written.replaceAll(/_([a-z])/g, (_, letter: string) => letter.toUpperCase())
    const name = camel in value ? written : camel
    return [name, ownNames.has(name) ? member : inCamelCase(member)] as const
  })
  return Object.fromEntries(members)
}

/** What is said where it says nothing. */
function whyLost(
  { responseMimeType, responseSchema, responseJsonSchema }: GeminiRequest['generationConfig'],
  calling: Calling,
): Unsayable | null {
  const isSchema = responseSchema !== undefined || responseJsonSchema !== undefined
  if (isSchema && responseMimeType !== 'application/json') {
    return unsayable('generationConfig.responseMimeType', 'a schema is one of application/json')
  }
  if (responseSchema !== undefined && responseJsonSchema !== undefined) {
    return unsayable('generationConfig.responseSchema', 'there is a responseJsonSchema, too')
  }
  if (calling?.allowedFunctionNames === undefined || calling.mode === 'ANY') return null
  const field = 'toolConfig.functionCallingConfig.allowedFunctionNames'
  return unsayable(field, 'they have a counterpart with the mode ANY alone')
}

function messagesOf(contents: GeminiRequest['contents']): Message[] | Unsayable {
  const open = new OpenCalls()
  let calls = 0
  const messages: Message[] = []
  for (const [i, { role, parts }] of contents.entries()) {
    const read: Part[] = []
    for (const [j, one] of parts.entries()) {
      if ('functionCall' in one) {
        const { name, args, id: own } = one.functionCall
        const id = own ?? `call_${calls}`
        calls += 1
        open.add({ id, name, isNamed: own !== undefined })
        read.push(...signatureOf(one))
        read.push({ kind: 'tool-call', id, name, arguments: exactJson(args) })
      } else if ('functionResponse' in one) {
        const { id, name, response, parts: more = [] } = one.functionResponse
        const call = open.take(id, name)
        if (call === null) {
          return unsayable(`contents[${i}].parts[${j}]`, `no call of ${name} waits for a result`)
        }
        read.push(resultOf(call.id, response, more.flatMap(partsOf)))
      } else read.push(...partsOf(one))
    }
    messages.push({ role: role === 'model' ? 'assistant' : 'user', parts: read })
  }
  return messages
}

type PlainPart = Exclude<GeminiPart, { functionCall: unknown } | { functionResponse: unknown }>

function partsOf(from: PlainPart): Part[] {
  if ('fileData' in from) return [readGeminiLink(from.fileData)]
  if ('inlineData' in from) {
    const { mimeType: mediaType, data, displayName: name } = from.inlineData
    const source = { kind: 'data', mediaType, data } as const
    if (/^image/i.test(mediaType)) return [{ kind: 'image', source }]
    const sound = audio.exec(mediaType)
    if (sound !== null) return [{ kind: 'audio', format: sound[1] ? 'mp3' : 'wav', data }]
    return [{ kind: 'document', source, ...(name === undefined ? {} : { name }) }]
  }
  const { text } = from
  const signed = signatureOf(from)
  if (from.thought === true) return [{ kind: 'thinking', ...signed[0], text }]
  return text === '' && signed.length > 0 ? signed : [...signed, { kind: 'text', text }]
}

type Thought = Extract<Part, { kind: 'thinking' }>

function signatureOf({ thoughtSignature: text }: { thoughtSignature?: string | undefined }) {
  if (text === undefined || text === '' || text === foreignSignature) return []
  const signature = givenSignature('gemini', text)
  return [{ kind: 'thinking', text: '', signature } satisfies Thought]
}

/** A thought that came in pieces, as streams bring it, is one: its signature came last. */
function joinedThoughts({ role, parts }: Message): Message {
  const joined: Part[] = []
  for (const part of parts) {
    const last = joined.at(-1)
    const isOn = last?.kind === 'thinking' && last.signature === undefined
    if (part.kind !== 'thinking' || !isOn || ownSignature('redacted', part.signature) !== null) {
      joined.push(part)
    } else joined[joined.length - 1] = { ...part, text: last.text + part.text }
  }
  return { role, parts: joined }
}

function resultOf(id: string, response: JsonObject, images: readonly Part[]): Part {
  const plain = plainResult(response)
  const text = { kind: 'text', text: plain?.text ?? exactJson(response) } as const
  const parts = [text, ...images]
  return { kind: 'tool-result', id, parts, isError: plain?.isError ?? false }
}

/** `{result}`, `{output}` and `{error}` are how the dialect wraps plain text; null for others. */
export function plainResult(
  response: JsonObject,
): { readonly text: string; readonly isError: boolean } | null {
  const [name = '', ...others] = Object.keys(response)
  const text = response[name]
  if (others.length > 0 || typeof text !== 'string') return null
  return ['result', 'output', 'error'].includes(name) ? { text, isError: name === 'error' } : null
}

function choiceOf(calling: Calling): Pick<ChatRequest, 'toolChoice'> {
  const [name, ...others] = calling?.allowedFunctionNames ?? []
  switch (calling?.mode) {
    case undefined:
    case 'MODE_UNSPECIFIED':
      return {}
    case 'AUTO':
    case 'VALIDATED':
      return { toolChoice: { kind: 'auto' } }
    case 'NONE':
      return { toolChoice: { kind: 'none' } }
    case 'ANY':
      if (name === undefined || others.length > 0) return { toolChoice: { kind: 'required' } }
      return { toolChoice: { kind: 'tool', name } }
  }
}

function settingsOf(config: GeminiRequest['generationConfig']): Partial<ChatRequest> {
  const { temperature, topP, topK, maxOutputTokens, stopSequences, seed, thinkingConfig } = config
  const { thinkingBudget, thinkingLevel } = thinkingConfig ?? {}
  const level = thinkingLevel === 'thinking_level_unspecified' ? undefined : thinkingLevel
  const effort = thinkingBudget === 0 ? 'none' : level
  return {
    ...(temperature === undefined ? {} : { temperature }),
    ...(topP === undefined ? {} : { topP }),
    ...(topK === undefined ? {} : { topK }),
    ...(maxOutputTokens === undefined ? {} : { maxTokens: maxOutputTokens }),
    ...(stopSequences?.length ? { stop: stopSequences } : {}),
    ...(seed === undefined ? {} : { seed }),
    ...(config.presencePenalty ? { presencePenalty: config.presencePenalty } : {}),
    ...(config.frequencyPenalty ? { frequencyPenalty: config.frequencyPenalty } : {}),
    ...(thinkingBudget ? { thinkingTokens: thinkingBudget } : {}),
    ...(effort === undefined ? {} : { effort }),
    ...(thinkingConfig?.includeThoughts === true ? { thoughts: true } : {}),
    ...formatOf(config),
  }
}

function formatOf(config: GeminiRequest['generationConfig']): Pick<ChatRequest, 'format'> {
  if (config.responseMimeType !== 'application/json') return {}
  const { responseSchema, responseJsonSchema } = config
  const schema = responseJsonSchema ?? (responseSchema && jsonSchemaOf(responseSchema))
  if (schema === undefined) return { format: { kind: 'json' } }
  const strict = isStrictSchema(schema) // there is no word for it, and OpenAI refuses others
  return { format: { kind: 'json-schema', name: 'answer', schema, strict } }
}
