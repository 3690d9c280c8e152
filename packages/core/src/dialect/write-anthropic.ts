// Write Anthropic
//
// A neutral request as a message request of Anthropic's, and a neutral answer as a message.

import { writeBlockCitation } from './annotation.ts'
import { anthropicReason, writeAnthropicUsage } from './anthropic-writer.ts'
import { calledTools } from './called-tools.ts'
import {
  argumentsOf,
  type ChatAnswer,
  type ChatRequest,
  type MediaSource,
  type Part,
} from './chat.ts'
import { outputTokensMax } from './model-families.ts'
import { plainCallIds } from './plain-call-ids.ts'
import { carriedSignature, ownSignature } from './signature.ts'
import { closedSchema, toolSchema } from './strict-schema.ts'
import { type Unsayable, unsayable } from './unsayable.ts'

const answerTokens = 4_096 // beside the thoughts of whoever bounds those alone

export function writeAnthropic(request: ChatRequest): object | Unsayable {
  const refusal = whyNot(request)
  if (refusal !== null) return refusal
  const messages = plainCallIds(request.messages).map(({ role, parts }) => ({
    role,
    content: parts.flatMap((part) => writePart(part)),
  }))
  const { thinkingTokens = 0, effort, format } = request
  const most = Math.max(outputTokensMax(request.model), thinkingTokens + answerTokens)
  const max_tokens = request.maxTokens ?? most // the dialect demands one
  const config = {
    ...(effort === undefined || effort === 'none' ? {} : { effort }),
    ...(format?.kind === 'json-schema'
      ? { format: { type: 'json_schema', schema: closedSchema(format.schema) } }
      : {}),
  }
  return {
    ...{ model: request.model, messages, max_tokens },
    ...(request.system === '' ? {} : { system: request.system }),
    ...(request.stream ? { stream: true } : {}),
    ...(request.keepsPrompt === true ? { cache_control: { type: 'ephemeral' } } : {}),
    ...writeTools(request),
    ...writeSettings(request),
    ...writeThinking(request),
    ...(Object.keys(config).length === 0 ? {} : { output_config: config }),
  }
}

/**
 * Nothing of a wish to read thoughts: some models take only `enabled`, with a budget, and some only
 * `adaptive`.
 */
export function writeThinking(request: ChatRequest): object {
  const { thinkingTokens: budget_tokens, effort, thoughts } = request
  if (effort === 'none' || thoughts === false) return { thinking: { type: 'disabled' } }
  return budget_tokens === undefined ? {} : { thinking: { type: 'enabled', budget_tokens } }
}

function whyNot(request: ChatRequest): Unsayable | null {
  const without = ['seed', 'presencePenalty', 'frequencyPenalty'] as const
  for (const name of without) {
    if (request[name] !== undefined) return unsayable(name, 'Anthropic has no counterpart of it')
  }
  if ((request.temperature ?? 0) > 1) return unsayable('temperature', 'Anthropic takes 0 to 1')
  if (request.format?.kind === 'json') {
    return unsayable('format', 'Anthropic takes a JSON schema, not JSON of any form')
  }
  if ((request.thinkingTokens ?? 0) < 0) {
    return unsayable('thinkingTokens', 'Anthropic takes a number of tokens')
  }
  if (request.effort === 'minimal') return unsayable('effort', 'Anthropic has no effort so small')
  return null
}

function writePart(part: Part): object[] {
  switch (part.kind) {
    case 'text':
      return part.text === '' ? [] : [{ type: 'text', text: part.text }]
    case 'image':
      return [{ type: 'image', source: writeSource(part.source) }]
    case 'audio': // refused (`whyPartLost`)
      return []
    case 'document': {
      const title = part.name === undefined ? {} : { title: part.name }
      return [{ type: 'document', source: writeSource(part.source), ...title }]
    }
    case 'thinking':
      return writeThought(part)
    case 'tool-call': {
      const { id, name } = part
      return [{ type: 'tool_use', id, name, input: argumentsOf(part) ?? {} }]
    }
    case 'tool-result': {
      const content = part.parts.flatMap((one) => writePart(one))
      const isError = part.isError ? { is_error: true } : {}
      return [{ type: 'tool_result', tool_use_id: part.id, content, ...isError }]
    }
  }
}

/** Unsigned, or signed by somebody else, it would be refused. */
function writeThought({ text, signature: given }: Extract<Part, { kind: 'thinking' }>): object[] {
  const data = ownSignature('redacted', given)
  if (data !== null) return [{ type: 'redacted_thinking', data }]
  const signature = ownSignature('anthropic', given)
  return signature === null ? [] : [{ type: 'thinking', thinking: text, signature }]
}

function writeSource(source: MediaSource): object {
  return source.kind === 'url'
    ? { type: 'url', url: source.url }
    : { type: 'base64', media_type: source.mediaType, data: source.data }
}

function writeTools(request: ChatRequest): object {
  const { parallelToolCalls } = request
  const tools = calledTools(request)
  if (tools.length === 0) return {}
  // Who gives no tools wants no calls.
  const toolChoice = request.tools.length === 0 ? ({ kind: 'none' } as const) : request.toolChoice
  const written = tools.map(({ name, description, parameters, strict }) => ({
    ...{ name, input_schema: toolSchema(parameters, strict) },
    ...(description === undefined ? {} : { description }),
    ...(strict === true ? { strict } : {}),
  }))
  const single = parallelToolCalls === false ? { disable_parallel_tool_use: true } : {}
  if (toolChoice === undefined) {
    const choice = parallelToolCalls === false ? { tool_choice: { type: 'auto', ...single } } : {}
    return { tools: written, ...choice }
  }
  switch (toolChoice.kind) {
    case 'auto':
      return { tools: written, tool_choice: { type: 'auto', ...single } }
    case 'none':
      return { tools: written, tool_choice: { type: 'none' } }
    case 'required':
      return { tools: written, tool_choice: { type: 'any', ...single } }
    case 'tool':
      return { tools: written, tool_choice: { type: 'tool', name: toolChoice.name, ...single } }
  }
}

function writeSettings({ temperature, topP, topK, stop, user }: ChatRequest): object {
  return {
    ...(temperature === undefined ? {} : { temperature }),
    ...(topP === undefined ? {} : { top_p: topP }),
    ...(topK === undefined ? {} : { top_k: topK }),
    ...(stop === undefined ? {} : { stop_sequences: stop }),
    ...(user === undefined ? {} : { metadata: { user_id: user } }),
  }
}

/** A whole message. */
export function writeAnthropicAnswer(answer: ChatAnswer): object {
  const { id, model, parts, stop, sequence, usage } = answer
  const content = parts.flatMap((part): object[] => {
    if (part.kind === 'tool-call' && argumentsOf(part) === null) return [] // `whyUnsaid`
    const own = writePart(part)
    if (part.kind === 'text' && part.citations !== undefined) {
      return own.map((block) => ({ ...block, citations: part.citations?.map(writeBlockCitation) }))
    }
    if (part.kind !== 'thinking' || own.length > 0) return own
    const { text, signature: given } = part
    const signature = given === undefined ? '' : carriedSignature('anthropic', given)
    return [{ type: 'thinking', thinking: text, signature }]
  })
  return {
    ...{ id, type: 'message', role: 'assistant', model, content },
    ...{ stop_reason: anthropicReason(stop), stop_sequence: sequence ?? null },
    usage: writeAnthropicUsage(usage),
  }
}
