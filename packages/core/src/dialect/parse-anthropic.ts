// Parse Anthropic
//
// A message request of Anthropic's dialect, in the neutral form. Strict, as `parseOpenai` is; `cache_control` is a
// hint on cost, which changes no answer: that there is one is told, and where the target keeps prompts is its own.

import { z } from 'zod'
import { exactJson } from '../resource/index.ts'
import type { ChatRequest, MediaSource, Part } from './chat.ts'
import type { JsonObject } from './json.ts'
import { mergeMessages } from './merge-messages.ts'
import { ownObject } from './own-object.ts'
import { givenSignature, signedBy } from './signature.ts'
import { isStrictSchema } from './strict-schema.ts'
import { namedText } from './text-file.ts'
import { type Unsayable, unsayableOf } from './unsayable.ts'
import { withoutNulls } from './without-nulls.ts'

const cache_control = z.looseObject({ type: z.string() }).optional()
const text = z.strictObject({
  ...{ type: z.literal('text'), text: z.string(), cache_control },
  citations: z.array(z.unknown()).optional(), // about the text, not part of it
})
const image = z.strictObject({
  type: z.literal('image'),
  source: z.discriminatedUnion('type', [
    z.strictObject({ type: z.literal('base64'), media_type: z.string(), data: z.string() }),
    z.strictObject({ type: z.literal('url'), url: z.string() }),
  ]),
  cache_control,
})
const document = z.strictObject({
  type: z.literal('document'),
  source: z.discriminatedUnion('type', [
    z.strictObject({ type: z.literal('base64'), media_type: z.string(), data: z.string() }),
    z.strictObject({ type: z.literal('url'), url: z.string() }),
    z.strictObject({
      ...{ type: z.literal('text'), media_type: z.literal('text/plain'), data: z.string() },
    }),
    z.strictObject({
      type: z.literal('content'),
      content: z.union([z.string(), z.array(z.discriminatedUnion('type', [text, image]))]),
    }),
  ]),
  title: z.string().optional(),
  citations: z.strictObject({ enabled: z.literal(false).optional() }).optional(),
  cache_control,
})
const block = z.discriminatedUnion('type', [
  text,
  image,
  document,
  z.strictObject({
    ...{ type: z.literal('tool_use'), id: z.string(), name: z.string(), cache_control },
    input: z.unknown(),
    caller: z.looseObject({ type: z.literal('direct') }).optional(),
  }),
  z.strictObject({
    ...{ type: z.literal('tool_result'), tool_use_id: z.string(), cache_control },
    content: z
      .union([z.string(), z.array(z.discriminatedUnion('type', [text, image, document]))])
      .optional(),
    is_error: z.boolean().optional(),
  }),
  z.strictObject({
    ...{ type: z.literal('thinking'), thinking: z.string(), signature: z.string().optional() },
  }),
  z.strictObject({ type: z.literal('redacted_thinking'), data: z.string() }),
])
type Block = z.infer<typeof block>

// What callers and tools name themselves.
const own = new Set(['input', 'input_schema', 'schema'])
const format = z.strictObject({ type: z.literal('json_schema'), schema: ownObject })
const display = z.literal('summarized').optional()
// It clears nothing of what was thought.
const keepingEdit = z.strictObject({
  ...{ type: z.literal('clear_thinking_20251015'), keep: z.literal('all') },
})
const choiceMore = { disable_parallel_tool_use: z.boolean().optional() }

const request = z.strictObject({
  model: z.string(),
  max_tokens: z.int().min(1),
  messages: z
    .array(
      z.strictObject({
        role: z.enum(['user', 'assistant', 'system']),
        content: z.union([z.string(), z.array(block)]),
      }),
    )
    .min(1),
  system: z.union([z.string(), z.array(text)]).default(''),
  stream: z.boolean().default(false),
  stop_sequences: z.array(z.string()).optional(),
  temperature: z.number().optional(),
  top_p: z.number().optional(),
  top_k: z.int().optional(),
  metadata: z.strictObject({ user_id: z.string().optional() }).optional(),
  tools: z
    .array(
      z.strictObject({
        type: z.literal('custom').optional(),
        ...{ name: z.string(), description: z.string().optional(), input_schema: ownObject },
        ...{ strict: z.boolean().optional(), cache_control },
        eager_input_streaming: z.boolean().optional(), // how soon, not what
        allowed_callers: z.array(z.literal('direct')).optional(),
        defer_loading: z.literal(false).optional(),
      }),
    )
    .default([]),
  tool_choice: z
    .discriminatedUnion('type', [
      z.strictObject({ type: z.literal('auto'), ...choiceMore }),
      z.strictObject({ type: z.literal('any'), ...choiceMore }),
      z.strictObject({ type: z.literal('none') }),
      z.strictObject({ type: z.literal('tool'), name: z.string(), ...choiceMore }),
    ])
    .optional(),
  thinking: z
    .discriminatedUnion('type', [
      z.strictObject({ type: z.literal('enabled'), budget_tokens: z.int(), display }),
      // As models elsewhere do by themselves.
      z.strictObject({ type: z.literal('adaptive'), display }),
      z.strictObject({ type: z.literal('disabled') }),
    ])
    .optional(),
  output_config: z
    .strictObject({
      effort: z.enum(['low', 'medium', 'high', 'xhigh', 'max']).optional(),
      format: format.optional(),
    })
    .optional(),
  output_format: format.optional(),
  context_management: z.strictObject({ edits: z.array(keepingEdit).optional() }).optional(),
  service_tier: z.literal('auto').optional(),
  ...{ cache_control, speed: z.literal('standard').optional() },
})
type AnthropicRequest = z.infer<typeof request>

export function parseAnthropic(body: JsonObject): ChatRequest | Unsayable {
  const parsed = request.safeParse(withoutNulls(body, own), { reportInput: true })
  if (!parsed.success) return unsayableOf(parsed.error)
  const { model, stream, system, messages, tools } = parsed.data
  const late = messages.findIndex(({ role }) => role === 'system')
  return {
    ...{ model, stream, streamUsage: true },
    system: typeof system === 'string' ? system : system.map((one) => one.text).join('\n\n'),
    messages: mergeMessages(
      messages.map(({ role, content }) => ({ role, parts: partsOf(content) })),
    ),
    tools: tools.map(({ name, description, input_schema, strict }) => ({
      ...{ name, parameters: input_schema },
      ...(description === undefined ? {} : { description }),
      ...(strict === true ? { strict } : {}),
    })),
    ...choiceOf(parsed.data),
    ...settingsOf(parsed.data),
    ...(isMarked(parsed.data) ? { keepsPrompt: true } : {}),
    ...(late === -1 ? {} : { late: `messages[${late}].role` }),
  }
}

/** True where something is marked to be kept for the next turn. */
function isMarked(request: AnthropicRequest): boolean {
  const { system, messages, tools } = request
  const blocks = [system, ...messages.map(({ content }) => content)].flatMap(
    (said): readonly object[] => (typeof said === 'string' ? [] : said),
  )
  return [request, ...blocks, ...tools].some((one) => 'cache_control' in one)
}

function partsOf(content: string | readonly Block[]): Part[] {
  if (typeof content === 'string') return content === '' ? [] : [{ kind: 'text', text: content }]
  return content.flatMap(saidBy)
}

/** A document that is no file is what it says. */
function saidBy(from: Block): readonly Part[] {
  if (from.type !== 'document') return [partOf(from)]
  const { source, title } = from
  if (source.type === 'text') return namedText(title, source.data)
  if (source.type === 'content') {
    const name = title ? [{ kind: 'text', text: `${title}:` } as const] : []
    return [...name, ...partsOf(source.content)]
  }
  return [{ kind: 'document', source: sourceOf(source), ...(title ? { name: title } : {}) }]
}

function partOf(from: Exclude<Block, { type: 'document' }>): Part {
  switch (from.type) {
    case 'text':
      return { kind: 'text', text: from.text }
    case 'image':
      return { kind: 'image', source: sourceOf(from.source) }
    case 'tool_use': {
      const args = exactJson(from.input ?? {})
      return { kind: 'tool-call', id: from.id, name: from.name, arguments: args }
    }
    case 'tool_result': {
      const parts = partsOf(from.content ?? '')
      const isError = from.is_error === true
      return { kind: 'tool-result', id: from.tool_use_id, parts, isError }
    }
    case 'thinking': {
      const { thinking: text, signature = '' } = from
      const signed = signature === '' ? {} : { signature: givenSignature('anthropic', signature) }
      return { kind: 'thinking', text, ...signed }
    }
    case 'redacted_thinking':
      return { kind: 'thinking', text: '', signature: signedBy('redacted', from.data) }
  }
}

function sourceOf(source: z.infer<typeof image>['source']): MediaSource {
  return source.type === 'url'
    ? { kind: 'url', url: source.url }
    : { kind: 'data', mediaType: source.media_type, data: source.data }
}

function choiceOf({ tool_choice: choice }: AnthropicRequest): Partial<ChatRequest> {
  if (choice === undefined) return {}
  const single = choice.type !== 'none' && choice.disable_parallel_tool_use === true
  const parallel = single ? { parallelToolCalls: false } : {}
  switch (choice.type) {
    case 'auto':
      return { toolChoice: { kind: 'auto' }, ...parallel }
    case 'any':
      return { toolChoice: { kind: 'required' }, ...parallel }
    case 'none':
      return { toolChoice: { kind: 'none' } }
    case 'tool':
      return { toolChoice: { kind: 'tool', name: choice.name }, ...parallel }
  }
}

function settingsOf(from: AnthropicRequest): Partial<ChatRequest> {
  const { temperature, thinking } = from
  const user = from.metadata?.user_id
  const effort = from.output_config?.effort
  const schema = (from.output_config?.format ?? from.output_format)?.schema
  return {
    maxTokens: from.max_tokens,
    ...(temperature === undefined ? {} : { temperature }),
    ...(from.top_p === undefined ? {} : { topP: from.top_p }),
    ...(from.top_k === undefined ? {} : { topK: from.top_k }),
    ...(from.stop_sequences?.length ? { stop: from.stop_sequences } : {}),
    ...(user === undefined ? {} : { user }),
    ...(effort === undefined ? {} : { effort }),
    ...(thinking?.type === 'enabled' ? { thinkingTokens: thinking.budget_tokens } : {}),
    ...(thinking === undefined ? {} : { thoughts: thinking.type !== 'disabled' }),
    ...(schema === undefined
      ? {}
      : {
          format: { kind: 'json-schema', name: 'answer', schema, strict: isStrictSchema(schema) },
        }),
  }
}
