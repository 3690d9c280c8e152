// Parse Responses
//
// A request of OpenAI's Responses API, in the neutral form. Strict, as `parseOpenai` is. Whoever keeps
// responses has made the input whole before: what leans on one that is stored elsewhere is refused.

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
import { isObject, type JsonObject, listOf } from './json.ts'
import { describedSchema, mediaSourceOf, mergeMessages } from './merge-messages.ts'
import {
  customFormat,
  documentOf,
  fileData,
  prompt_cache_breakpoint,
  promptHints,
} from './openai-input.ts'
import { ownObject } from './own-object.ts'
import { givenSignature } from './signature.ts'
import { joinedName } from './tool-namespace.ts'
import { type Unsayable, unsayable, unsayableOf } from './unsayable.ts'
import { withoutNulls } from './without-nulls.ts'

const inputText = z.strictObject({
  ...{ type: z.literal('input_text'), text: z.string(), prompt_cache_breakpoint },
})
const inputImage = z.strictObject({
  type: z.literal('input_image'),
  image_url: z.string(),
  detail: z.enum(['low', 'high', 'auto', 'original']).optional(),
  prompt_cache_breakpoint,
})
const inputFile = z
  .strictObject({
    ...{ type: z.literal('input_file'), filename: z.string().optional() },
    ...{ file_data: fileData.optional(), file_url: z.string().optional() },
    ...{ detail: z.literal('auto').optional(), prompt_cache_breakpoint },
  })
  .refine(({ file_data, file_url }) => (file_data === undefined) !== (file_url === undefined), {
    error: 'one of file_data and file_url has a counterpart',
  })
const outputText = z.strictObject({
  ...{ type: z.literal('output_text'), text: z.string() },
  annotations: z.array(z.unknown()).optional(), // about the text, not part of it
  logprobs: z.array(z.unknown()).optional(),
  parsed: z.unknown().optional(), // of the client's own, which says it again
})
const refusal = z.strictObject({ type: z.literal('refusal'), refusal: z.string() })
const contentPart = z.discriminatedUnion('type', [
  inputText,
  inputImage,
  inputFile,
  outputText,
  refusal,
])
type ContentPart = z.infer<typeof contentPart>

const status = z.enum(['in_progress', 'completed', 'incomplete']).optional()
const id = z.string().optional()
// That the model itself calls, and is waited for: as everywhere.
const directly = {
  caller: z.looseObject({ type: z.literal('direct') }).optional(),
  async: z.literal(false).optional(),
}
const output = z.union([
  z.string(),
  z.array(z.discriminatedUnion('type', [inputText, inputImage, inputFile])),
])
const item = z.union([
  z.strictObject({
    ...{ type: z.literal('message').optional(), id, status, phase: z.string().optional() },
    role: z.enum(['user', 'assistant', 'system', 'developer']),
    content: z.union([z.string(), z.array(contentPart)]),
  }),
  z.strictObject({
    ...{ type: z.literal('function_call'), id, status, call_id: z.string() },
    ...{ name: z.string(), namespace: z.string().optional(), arguments: z.string() },
    ...{ parsed_arguments: z.unknown().optional(), ...directly },
  }),
  z.strictObject({
    ...{ type: z.literal('function_call_output'), id, status, call_id: z.string() },
    // Its call has them.
    ...{ name: z.string().optional(), namespace: z.string().optional(), ...directly },
    output,
  }),
  z.strictObject({
    ...{ type: z.literal('custom_tool_call'), id, status, call_id: z.string() },
    ...{ name: z.string(), namespace: z.string().optional(), input: z.string(), ...directly },
  }),
  z.strictObject({
    ...{ type: z.literal('custom_tool_call_output'), id, status, call_id: z.string() },
    ...{ name: z.string().optional(), namespace: z.string().optional(), output, ...directly },
  }),
  z.strictObject({
    ...{ type: z.literal('reasoning'), id, status, encrypted_content: z.string().optional() },
    summary: z.array(z.strictObject({ type: z.literal('summary_text'), text: z.string() })),
    content: z.array(z.unknown()).optional(),
  }),
])
type Item = z.infer<typeof item>

const about = { name: z.string(), description: z.string().optional() }
const callable = {
  allowed_callers: z.array(z.literal('direct')).optional(),
  ...{ async: z.literal(false).optional(), defer_loading: z.literal(false).optional() },
}
const functionTool = z.strictObject({
  ...{ type: z.literal('function'), ...about, ...callable },
  ...{ parameters: ownObject.optional(), strict: z.boolean().nullish() },
})
const customTool = z.strictObject({
  ...{ type: z.literal('custom'), ...about, ...callable, format: customFormat.optional() },
})
const namespaceTool = z.strictObject({
  ...{ type: z.literal('namespace'), ...about },
  tools: z.array(z.discriminatedUnion('type', [functionTool, customTool])),
})
const toolNamed = z.strictObject({ type: z.enum(['function', 'custom']), name: z.string() })

const summary = z.enum(['auto', 'concise', 'detailed']) // how long, is the target's
const included = z.enum([
  'reasoning.encrypted_content',
  // What OpenAI's own tools gave, of which none is called where these are read.
  'file_search_call.results',
  'web_search_call.results',
  'web_search_call.action.sources',
  'code_interpreter_call.outputs',
  'computer_call_output.output.image_url',
])

// What callers and tools name themselves.
const own = new Set(['parameters', 'schema', 'metadata', 'parsed', 'parsed_arguments'])
const request = z.strictObject({
  model: z.string(),
  input: z.union([z.string(), z.array(item)]),
  instructions: z.string().default(''),
  stream: z.boolean().default(false),
  stream_options: z.strictObject({ include_obfuscation: z.boolean().optional() }).optional(),
  max_output_tokens: z.int().min(1).optional(),
  temperature: z.number().optional(),
  top_p: z.number().optional(),
  tools: z
    .array(z.discriminatedUnion('type', [functionTool, customTool, namespaceTool]))
    .default([]),
  tool_choice: z
    .union([
      z.enum(['auto', 'none', 'required']),
      toolNamed,
      z.strictObject({
        ...{ type: z.literal('allowed_tools'), mode: z.enum(['auto', 'required']) },
        tools: z.array(toolNamed),
      }),
    ])
    .optional(),
  parallel_tool_calls: z.boolean().optional(),
  text: z
    .strictObject({
      verbosity: z.enum(['low', 'medium', 'high']).optional(),
      format: z
        .discriminatedUnion('type', [
          z.strictObject({ type: z.literal('text') }),
          z.strictObject({ type: z.literal('json_object') }),
          z.strictObject({
            ...{ type: z.literal('json_schema'), name: z.string(), schema: ownObject },
            ...{ description: z.string().optional(), strict: z.boolean().optional() },
          }),
        ])
        .optional(),
    })
    .optional(),
  reasoning: z
    .strictObject({
      effort: z.enum(['none', 'minimal', 'low', 'medium', 'high', 'xhigh', 'max']).optional(),
      summary: summary.optional(),
      generate_summary: summary.optional(), // as it was called before
      // As it is without them.
      ...{ context: z.literal('auto').optional(), mode: z.literal('standard').optional() },
    })
    .optional(),
  store: z.boolean().optional(),
  metadata: z.record(z.string(), z.string()).optional(), // said back in the response
  client_metadata: z.unknown().optional(), // of the client's own, about itself
  include: z.array(included).optional(),
  max_tool_calls: z.int().optional(), // of OpenAI's own tools
  top_logprobs: z.literal(0).optional(),
  truncation: z.literal('disabled').optional(),
  background: z.literal(false).optional(),
  service_tier: z.enum(['auto', 'default']).optional(),
  user: z.string().optional(),
  safety_identifier: z.string().optional(),
  ...promptHints,
})
type ResponsesRequest = z.infer<typeof request>

export function parseResponses(body: JsonObject): ChatRequest | Unsayable {
  const reference = listOf(body['input']).findIndex(isItemReference)
  if (reference !== -1) {
    const message =
      'an item that is held elsewhere has no counterpart: say it (`store: false`), or have the ' +
      'Route keep responses (`responses: { store: always }`)'
    return unsayable(`input[${reference}].type`, message)
  }
  const parsed = request.safeParse(withoutNulls(body, own), { reportInput: true })
  if (!parsed.success) return unsayableOf(parsed.error)
  const { model, stream, input, instructions, tools } = parsed.data
  const items: readonly Item[] =
    typeof input === 'string' ? [{ role: 'user', content: input }] : input
  const first = items.findIndex((one) => !isSystem(one))
  const lead = first === -1 ? items : items.slice(0, first)
  const rest = first === -1 ? [] : items.slice(first)
  const late = rest.findIndex(isSystem)
  const system = [instructions, ...lead.map(systemText)].filter((text) => text !== '')
  return {
    ...{ model, stream, streamUsage: true, system: system.join('\n\n') },
    messages: mergeMessages(rest.map(messageOf)),
    tools: allowedTools(tools.flatMap(toolsOf), allowedIn(parsed.data)),
    ...settingsOf(parsed.data),
    ...(items.some(isMarked) ? { keepsPrompt: true } : {}),
    ...(late === -1 ? {} : { late: `input[${lead.length + late}].role` }),
  }
}

function allowedIn({ tool_choice: choice }: ResponsesRequest): string[] | null {
  const isSome = typeof choice === 'object' && choice.type === 'allowed_tools'
  return isSome ? choice.tools.map(({ name }) => name) : null
}

function kindOfChoice(choice: NonNullable<ResponsesRequest['tool_choice']>): ToolChoice {
  if (typeof choice === 'string') return { kind: choice }
  if (choice.type === 'allowed_tools') return { kind: choice.mode }
  return { kind: 'tool', name: choice.name }
}

type OneTool = z.infer<typeof functionTool | typeof customTool>

function toolsOf(given: OneTool | z.infer<typeof namespaceTool>): Tool[] {
  if (given.type !== 'namespace') return [toolOf(given)]
  const { name: namespace, description: about } = given
  return given.tools.map((one) => {
    const description = [about, one.description].filter(Boolean).join('\n\n')
    const named = { ...one, name: joinedName(one.name, namespace) }
    return toolOf(description === '' ? named : { ...named, description })
  })
}

function toolOf(given: OneTool): Tool {
  const { name, description } = given
  const said = description === undefined ? {} : { description }
  if (given.type === 'custom') return { name, ...said, parameters: customParameters }
  const { parameters = { type: 'object', properties: {} }, strict } = given
  return { name, ...said, parameters, ...(strict === true ? { strict } : {}) }
}

/** True for an item that is named and not said; its type may be left out. */
export function isItemReference(item: unknown): boolean {
  if (!isObject(item)) return false
  const { type, role, id } = item
  const isUntyped = (type ?? role ?? null) === null
  return type === 'item_reference' || (isUntyped && typeof id === 'string')
}

function isSystem(one: Item): boolean {
  return 'role' in one && (one.role === 'system' || one.role === 'developer')
}

/** True where a part is marked to be kept for the next turn. */
function isMarked(one: Item): boolean {
  const said = 'output' in one ? one.output : 'role' in one ? one.content : ''
  return typeof said !== 'string' && said.some((part) => 'prompt_cache_breakpoint' in part)
}

function systemText(one: Item): string {
  if (!('role' in one)) return ''
  return partsOf(one.content)
    .map((part) => (part.kind === 'text' ? part.text : ''))
    .join('\n\n')
}

function messageOf(one: Item): Message {
  if ('role' in one) {
    return { role: one.role === 'developer' ? 'system' : one.role, parts: partsOf(one.content) }
  }
  switch (one.type) {
    case 'function_call':
    case 'custom_tool_call': {
      const args = one.type === 'function_call' ? one.arguments : customArguments(one.input)
      const name = joinedName(one.name, one.namespace)
      const call = { kind: 'tool-call', id: one.call_id, name, arguments: args } as const
      return { role: 'assistant', parts: [call] }
    }
    case 'custom_tool_call_output':
    case 'function_call_output': {
      const parts = partsOf(one.output)
      const result = { kind: 'tool-result', id: one.call_id, parts, isError: false } as const
      return { role: 'user', parts: [result] }
    }
    case 'reasoning': {
      const text = one.summary.map((part) => part.text).join('\n')
      const given = one.encrypted_content ?? ''
      const signature = given === '' ? {} : { signature: givenSignature('openai', given) }
      const isSaid = text !== '' || given !== ''
      return { role: 'assistant', parts: isSaid ? [{ kind: 'thinking', text, ...signature }] : [] }
    }
  }
}

function partsOf(content: string | readonly ContentPart[]): Part[] {
  if (typeof content === 'string') return content === '' ? [] : [{ kind: 'text', text: content }]
  return content.map((part): Part => {
    if (part.type === 'refusal') return { kind: 'text', text: part.refusal, isRefusal: true }
    if (part.type === 'input_file') {
      return documentOf(part.file_data ?? part.file_url ?? '', part.filename)
    }
    if (part.type !== 'input_image') return { kind: 'text', text: part.text }
    const named = part.detail === 'auto' ? undefined : part.detail
    const detail = named === 'original' ? 'high' : named // the largest that others know
    const source = mediaSourceOf(part.image_url)
    return { kind: 'image', source, ...(detail === undefined ? {} : { detail }) }
  })
}

function settingsOf(from: ResponsesRequest): Partial<ChatRequest> {
  const { tool_choice: choice, temperature } = from
  const user = from.safety_identifier ?? from.user
  const effort = from.reasoning?.effort
  return {
    ...(choice === undefined ? {} : { toolChoice: kindOfChoice(choice) }),
    ...(from.parallel_tool_calls === undefined
      ? {}
      : { parallelToolCalls: from.parallel_tool_calls }),
    ...(from.max_output_tokens === undefined ? {} : { maxTokens: from.max_output_tokens }),
    ...(temperature === undefined ? {} : { temperature }),
    ...(from.top_p === undefined ? {} : { topP: from.top_p }),
    ...(effort === undefined ? {} : { effort }),
    ...(isShown(from) ? { thoughts: true } : {}),
    ...(user === undefined ? {} : { user }),
    ...(from.text?.verbosity === undefined ? {} : { verbosity: from.text.verbosity }),
    ...formatOf(from.text?.format ?? { type: 'text' }),
  }
}

function isShown({ reasoning }: ResponsesRequest): boolean {
  return (reasoning?.summary ?? reasoning?.generate_summary) !== undefined
}

type Format = NonNullable<NonNullable<ResponsesRequest['text']>['format']>

function formatOf(format: Format): Pick<ChatRequest, 'format'> {
  if (format.type === 'text') return {}
  if (format.type === 'json_object') return { format: { kind: 'json' } }
  const { name, strict } = format
  const schema = describedSchema(format.schema, format.description)
  return { format: { kind: 'json-schema', name, schema, strict: strict === true } }
}
