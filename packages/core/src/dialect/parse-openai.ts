// Parse OpenAI
//
// A chat completion request of OpenAI's dialect, in the neutral form. Strict: a field that is not known here, or that
// no other dialect can say, is refused by name. Hints that change no answer (`store: false`, `service_tier: auto`,
// what is said of a prompt that is kept) are taken in.

import { z } from 'zod'
import {
  allowedTools,
  type ChatRequest,
  type Message,
  type Part,
  type Tool,
  type ToolChoice,
} from './chat.ts'
import { customArguments, customParameters } from './custom-tool.ts'
import type { JsonObject } from './json.ts'
import { describedSchema, mediaSourceOf, mergeMessages } from './merge-messages.ts'
import {
  customFormat,
  documentOf,
  fileData,
  prompt_cache_breakpoint,
  promptHints,
} from './openai-input.ts'
import { callSignature } from './openai-stream.ts'
import { ownObject } from './own-object.ts'
import { noCounterpart, type Unsayable, unsayable, unsayableOf } from './unsayable.ts'
import { withoutNulls } from './without-nulls.ts'

// Not OpenAI's: clients of Anthropic's models that speak its dialect mark so what is to be kept.
const cache_control = z.looseObject({ type: z.string() }).optional()
const marks = { cache_control, prompt_cache_breakpoint }
const textPart = z.strictObject({ type: z.literal('text'), text: z.string(), ...marks })
const imagePart = z.strictObject({
  type: z.literal('image_url'),
  image_url: z.strictObject({
    url: z.string(),
    detail: z.enum(['low', 'high', 'auto']).optional(),
  }),
  ...marks,
})
const filePart = z.strictObject({
  type: z.literal('file'),
  file: z.strictObject({ file_data: fileData, filename: z.string().optional() }),
  ...marks,
})
const audioPart = z.strictObject({
  type: z.literal('input_audio'),
  input_audio: z.strictObject({ data: z.string(), format: z.enum(['wav', 'mp3']) }),
  ...marks,
})
const refusalPart = z.strictObject({ type: z.literal('refusal'), refusal: z.string() })
const text = z.union([z.string(), z.array(textPart)])
const extra_content = z
  .strictObject({ google: z.strictObject({ thought_signature: z.string() }) })
  .optional()
// `index`: in the stream that it came by.
const called = { id: z.string(), index: z.int().optional(), extra_content }
const toolCall = z.discriminatedUnion('type', [
  z.strictObject({
    ...{ type: z.literal('function'), ...called },
    function: z.strictObject({
      ...{ name: z.string(), arguments: z.string() },
      parsed_arguments: z.unknown().optional(), // of the client's own, which says it again
    }),
  }),
  z.strictObject({
    ...{ type: z.literal('custom'), ...called },
    custom: z.strictObject({ name: z.string(), input: z.string() }),
  }),
])
// About an answer, or of it once more: the calls say the same by themselves.
const repeated = { extra_content, provider_specific_fields: z.unknown().optional() }
// Thoughts of former turns, as OpenAI's dialect has them at DeepSeek, vLLM, OpenRouter and LiteLLM.
const thoughts = {
  ...{ reasoning_content: z.string().optional(), reasoning: z.string().optional() },
  ...{ reasoning_details: z.unknown().optional(), thinking_blocks: z.unknown().optional() },
}
// @openai/agents spreads an answer's message into the text of it.
const spread = {
  ...{ role: z.literal('assistant').optional(), ...repeated },
  ...{ annotations: z.unknown().optional(), tool_calls: z.unknown().optional() },
  ...{ ...thoughts, reasoning_content: z.unknown().optional(), parsed: z.unknown().optional() },
}
const saidPart = z.discriminatedUnion('type', [textPart.extend(spread), refusalPart.extend(spread)])

const message = z.discriminatedUnion('role', [
  z.strictObject({ role: z.enum(['system', 'developer']), content: text, cache_control }),
  z.strictObject({
    role: z.literal('user'),
    content: z.union([
      z.string(),
      z.array(z.discriminatedUnion('type', [textPart, imagePart, filePart, audioPart])),
    ]),
    cache_control,
  }),
  z.strictObject({
    ...{ role: z.literal('assistant'), name: z.string().optional(), ...repeated },
    content: z.union([z.string(), z.array(saidPart)]).optional(),
    parsed: z.unknown().optional(),
    refusal: z.string().optional(),
    ...thoughts,
    annotations: z.array(z.unknown()).optional(), // about the text, not part of it
    tool_calls: z.array(toolCall).optional(),
    cache_control,
  }),
  z.strictObject({
    ...{ role: z.literal('tool'), content: text, tool_call_id: z.string(), cache_control },
    name: z.string().optional(), // of the tool, which its call has
  }),
])
type OpenaiMessage = z.infer<typeof message>

const about = { name: z.string(), description: z.string().optional() }
const tool = z.discriminatedUnion('type', [
  z.strictObject({
    ...{ type: z.literal('function'), cache_control },
    function: z.strictObject({
      ...{ ...about, parameters: ownObject.optional(), strict: z.boolean().optional() },
    }),
  }),
  z.strictObject({
    ...{ type: z.literal('custom'), cache_control },
    custom: z.strictObject({ ...about, format: customFormat.optional() }),
  }),
])
const named = z.strictObject({ name: z.string() })
const toolNamed = z.discriminatedUnion('type', [
  z.strictObject({ type: z.literal('function'), function: named }),
  z.strictObject({ type: z.literal('custom'), custom: named }),
])

// What callers and tools name themselves.
const own = new Set(['parameters', 'schema', 'parsed', 'parsed_arguments'])

const empty = z
  .looseObject({})
  .refine((members) => Object.keys(members).length === 0, noCounterpart)
const request = z.strictObject({
  model: z.string(),
  messages: z.array(message).min(1),
  stream: z.boolean().default(false),
  stream_options: z
    .strictObject({
      include_usage: z.boolean().default(false),
      include_obfuscation: z.boolean().optional(),
    })
    .optional(),
  max_tokens: z.int().min(1).optional(),
  max_completion_tokens: z.int().min(1).optional(),
  temperature: z.number().optional(),
  top_p: z.number().optional(),
  stop: z.union([z.string(), z.array(z.string())]).optional(),
  n: z.literal(1).optional(),
  seed: z.int().optional(),
  presence_penalty: z.number().optional(),
  frequency_penalty: z.number().optional(),
  reasoning_effort: z.enum(['none', 'minimal', 'low', 'medium', 'high', 'xhigh', 'max']).optional(),
  verbosity: z.enum(['low', 'medium', 'high']).optional(),
  tools: z.array(tool).optional(),
  tool_choice: z
    .union([
      z.enum(['auto', 'none', 'required']),
      toolNamed,
      z.strictObject({
        type: z.literal('allowed_tools'),
        allowed_tools: z.strictObject({
          mode: z.enum(['auto', 'required']),
          tools: z.array(toolNamed),
        }),
      }),
    ])
    .optional(),
  parallel_tool_calls: z.boolean().optional(),
  response_format: z
    .discriminatedUnion('type', [
      z.strictObject({ type: z.literal('text') }),
      z.strictObject({ type: z.literal('json_object') }),
      z.strictObject({
        type: z.literal('json_schema'),
        json_schema: z.strictObject({
          name: z.string(),
          description: z.string().optional(),
          schema: ownObject.default({}),
          strict: z.boolean().optional(),
        }),
      }),
    ])
    .optional(),
  user: z.string().optional(),
  safety_identifier: z.string().optional(),
  store: z.literal(false).optional(),
  service_tier: z.enum(['auto', 'default']).optional(),
  ...promptHints,
  ...{ logprobs: z.literal(false).optional(), top_logprobs: z.literal(0).optional() },
  ...{ modalities: z.array(z.literal('text')).optional(), logit_bias: empty.optional() },
  metadata: z.record(z.string(), z.string()).optional(), // of what is kept, and nothing is
  prediction: z.looseObject({ type: z.literal('content') }).optional(), // how soon, not what
})
type OpenaiRequest = z.infer<typeof request>

export function parseOpenai(body: JsonObject): ChatRequest | Unsayable {
  const parsed = request.safeParse(withoutNulls(body, own), { reportInput: true })
  if (!parsed.success) return unsayableOf(parsed.error)
  const { messages } = parsed.data
  const names = messages.map((one) => (one.role === 'assistant' ? one.name : undefined))
  const speaker = names.find((name) => name !== undefined)
  const other = names.findIndex((name) => name !== undefined && name !== speaker)
  if (other !== -1) {
    return unsayable(`messages[${other}].name`, 'several who speak as one have no counterpart')
  }
  const first = messages.findIndex(({ role }) => role !== 'system' && role !== 'developer')
  const lead = first === -1 ? messages : messages.slice(0, first)
  const rest = first === -1 ? [] : messages.slice(first)
  const late = rest.findIndex(({ role }) => role === 'system' || role === 'developer')
  return {
    ...{ model: parsed.data.model, stream: parsed.data.stream },
    streamUsage: parsed.data.stream_options?.include_usage ?? false,
    system: lead.map(({ content }) => plainText(content)).join('\n\n'),
    messages: mergeMessages(rest.map(messageOf)),
    tools: toolsOf(parsed.data),
    ...choiceOf(parsed.data),
    ...settingsOf(parsed.data),
    ...(speaker === undefined ? {} : { speaker }),
    ...(isMarked(parsed.data) ? { keepsPrompt: true } : {}),
    ...(late === -1 ? {} : { late: `messages[${lead.length + late}].role` }),
  }
}

function toolsOf({ tools = [], tool_choice: choice }: OpenaiRequest): readonly Tool[] {
  const isSome = typeof choice === 'object' && choice.type === 'allowed_tools'
  const names = isSome ? choice.allowed_tools.tools.map(nameOf) : null
  return allowedTools(tools.map(toolOf), names)
}

function nameOf(one: z.infer<typeof toolNamed>): string {
  return one.type === 'custom' ? one.custom.name : one.function.name
}

function toolOf(given: z.infer<typeof tool>): Tool {
  const isCustom = given.type === 'custom'
  const { name, description } = isCustom ? given.custom : given.function
  const said = description === undefined ? {} : { description }
  if (isCustom) return { name, ...said, parameters: customParameters }
  const { parameters = { type: 'object', properties: {} }, strict } = given.function
  return { name, ...said, parameters, ...(strict === true ? { strict } : {}) }
}

/** True where something is marked to be kept for the next turn. */
function isMarked({ messages, tools = [] }: OpenaiRequest): boolean {
  const parts = messages.flatMap(({ content = '' }): readonly object[] =>
    typeof content === 'string' ? [] : content,
  )
  const marked = [...messages, ...parts, ...tools]
  return marked.some((one) => 'cache_control' in one || 'prompt_cache_breakpoint' in one)
}

function messageOf(from: OpenaiMessage): Message {
  switch (from.role) {
    case 'system':
    case 'developer':
      return { role: 'system', parts: partsOf(from.content) }
    case 'user':
      return { role: 'user', parts: partsOf(from.content) }
    case 'assistant': {
      const calls = (from.tool_calls ?? []).flatMap(callOf)
      const refused = from.refusal ? [{ type: 'refusal' as const, refusal: from.refusal }] : []
      const said = [...partsOf(from.content ?? ''), ...partsOf(refused)]
      return { role: 'assistant', parts: [...said, ...calls] }
    }
    case 'tool': {
      const parts = partsOf(from.content)
      const result = { kind: 'tool-result' as const, id: from.tool_call_id, parts, isError: false }
      return { role: 'user', parts: [result] }
    }
  }
}

function callOf(call: z.infer<typeof toolCall>): Part[] {
  const signature = callSignature(call)
  const said =
    call.type === 'custom'
      ? { name: call.custom.name, arguments: customArguments(call.custom.input) }
      : { name: call.function.name, arguments: call.function.arguments }
  const made = { kind: 'tool-call', id: call.id, ...said } as const
  return signature === null ? [made] : [{ kind: 'thinking', text: '', signature }, made]
}

type Content =
  | string
  | readonly z.infer<
      typeof textPart | typeof imagePart | typeof filePart | typeof audioPart | typeof refusalPart
    >[]

function partsOf(content: Content): Part[] {
  if (typeof content === 'string') return content === '' ? [] : [{ kind: 'text', text: content }]
  return content.map((part): Part => {
    if (part.type === 'text') return { kind: 'text', text: part.text }
    if (part.type === 'refusal') return { kind: 'text', text: part.refusal, isRefusal: true }
    if (part.type === 'file') return documentOf(part.file.file_data, part.file.filename)
    if (part.type === 'input_audio') return { kind: 'audio', ...part.input_audio }
    const { url, detail } = part.image_url
    const source = mediaSourceOf(url)
    return {
      kind: 'image',
      source,
      ...(detail === undefined || detail === 'auto' ? {} : { detail }),
    }
  })
}

function plainText(content: OpenaiMessage['content']): string {
  return partsOf(content ?? '')
    .map((part) => (part.kind === 'text' ? part.text : ''))
    .join('\n\n')
}

function choiceOf({ tool_choice, parallel_tool_calls, response_format }: OpenaiRequest) {
  const toolChoice = tool_choice === undefined ? {} : { toolChoice: kindOfChoice(tool_choice) }
  return {
    ...toolChoice,
    ...(parallel_tool_calls === undefined ? {} : { parallelToolCalls: parallel_tool_calls }),
    ...formatOf(response_format),
  }
}

function kindOfChoice(choice: NonNullable<OpenaiRequest['tool_choice']>): ToolChoice {
  if (typeof choice === 'string') return { kind: choice }
  if (choice.type === 'allowed_tools') return { kind: choice.allowed_tools.mode }
  return { kind: 'tool', name: nameOf(choice) }
}

function formatOf(format: OpenaiRequest['response_format']): Pick<ChatRequest, 'format'> {
  if (format === undefined || format.type === 'text') return {}
  if (format.type === 'json_object') return { format: { kind: 'json' } }
  const { name, schema, strict, description } = format.json_schema
  const described = describedSchema(schema, description)
  return { format: { kind: 'json-schema', name, schema: described, strict: strict === true } }
}

function settingsOf(from: OpenaiRequest): Partial<ChatRequest> {
  const { temperature, seed, reasoning_effort: effort } = from
  const maxTokens = from.max_completion_tokens ?? from.max_tokens
  const user = from.safety_identifier ?? from.user
  const stop = typeof from.stop === 'string' ? [from.stop] : from.stop
  return {
    ...(maxTokens === undefined ? {} : { maxTokens }),
    ...(temperature === undefined ? {} : { temperature }),
    ...(from.top_p === undefined ? {} : { topP: from.top_p }),
    ...(stop === undefined || stop.length === 0 ? {} : { stop }),
    ...(seed === undefined ? {} : { seed }),
    ...(from.presence_penalty ? { presencePenalty: from.presence_penalty } : {}),
    ...(from.frequency_penalty ? { frequencyPenalty: from.frequency_penalty } : {}),
    ...(effort === undefined ? {} : { effort }),
    ...(from.verbosity === undefined ? {} : { verbosity: from.verbosity }),
    ...(user === undefined ? {} : { user }),
  }
}
