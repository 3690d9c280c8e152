// Write Bedrock
//
// A neutral request as a Converse request of Amazon Bedrock. The model and whether to stream stand in the path.

import { exactJson } from '../resource/index.ts'
import { calledTools } from './called-tools.ts'
import { argumentsOf, type ChatRequest, type Message, type Part } from './chat.ts'
import { DocumentNames } from './document-names.ts'
import { isClaude, takesCachePoints } from './model-families.ts'
import { plainCallIds } from './plain-call-ids.ts'
import { ownSignature } from './signature.ts'
import { closedSchema, toolSchema } from './strict-schema.ts'
import { isUnsayable, type Unsayable, unsayable } from './unsayable.ts'
import { writeThinking } from './write-anthropic.ts'

export function writeBedrock(request: ChatRequest): object | Unsayable {
  const refusal = whyNot(request)
  if (refusal !== null) return refusal
  const messages: { readonly role: Message['role']; readonly content: object[] }[] = []
  const names = new DocumentNames()
  for (const { role, parts } of plainCallIds(request.messages)) {
    if (isAlone(parts)) return unsayable('messages', 'Converse takes documents beside a text alone')
    const content: object[] = []
    for (const part of parts) {
      const one = writePart(part, names)
      if (one === null) continue
      if (isUnsayable(one)) return one
      content.push(one)
    }
    messages.push({ role, content })
  }
  const { system } = request
  const isKept = request.keepsPrompt === true && takesCachePoints(request.model)
  const kept = isKept ? [{ cachePoint: { type: 'default' } }] : []
  messages.findLast(({ role }) => role === 'user')?.content.push(...kept)
  return {
    messages,
    ...(system === '' ? {} : { system: [{ text: system }, ...kept] }),
    inferenceConfig: writeSettings(request),
    ...writeTools(request),
    ...writeOutput(request),
    ...writeOwn(request),
  }
}

function whyNot(request: ChatRequest): Unsayable | null {
  const without = ['seed', 'presencePenalty', 'frequencyPenalty'] as const
  for (const name of without) {
    if (request[name] !== undefined) return unsayable(name, 'Converse has no counterpart of it')
  }
  const { temperature = 0, format, toolChoice } = request
  if (temperature > 1) return unsayable('temperature', 'Converse takes 0 to 1')
  if (format?.kind === 'json') {
    return unsayable('format', 'Converse takes a JSON schema, not JSON of any form')
  }
  const hasCalls = request.messages.some(({ parts }) => parts.some(isToolPart))
  if (hasCalls && toolChoice?.kind === 'none') {
    return unsayable('toolChoice', 'Converse cannot be kept from calling the tools that it called')
  }
  const isOwn = isClaude(request.model)
  if (request.topK !== undefined && !isOwn) return unsayable('topK', 'this model has none of it')
  return whyNoThinking(request, isOwn)
}

function whyNoThinking({ effort, thinkingTokens }: ChatRequest, isOwn: boolean): Unsayable | null {
  if (effort === 'none' && !isOwn) return unsayable('noEffort', 'this model cannot be told so')
  if (effort === 'minimal') return unsayable('effort', 'Converse has no effort so small')
  if (thinkingTokens === undefined || (isOwn && thinkingTokens > 0)) return null
  const why = isOwn ? 'this model takes a number of tokens' : 'this model has none of it'
  return unsayable('thinkingTokens', why)
}

function isToolPart({ kind }: Part): boolean {
  return kind === 'tool-call' || kind === 'tool-result'
}

function isAlone(parts: readonly Part[]): boolean {
  return parts.some(({ kind }) => kind === 'document') && !parts.some(({ kind }) => kind === 'text')
}

function writePart(part: Part, names: DocumentNames): object | Unsayable | null {
  switch (part.kind) {
    case 'text':
      return part.text === '' ? null : { text: part.text }
    case 'audio': // refused (`whyPartLost`)
      return null
    case 'image': {
      const { source } = part
      if (source.kind === 'url') {
        return unsayable('messages', 'Converse takes images as data, no URL')
      }
      const [, format] = /^image\/(png|jpeg|gif|webp)$/.exec(source.mediaType) ?? []
      if (format === undefined) {
        return unsayable('messages', `Converse takes no images of type ${source.mediaType}`)
      }
      return { image: { format, source: { bytes: source.data } } }
    }
    case 'document': {
      const { source } = part
      const bytes = source.kind === 'data' ? source.data : '' // `whyMediaLost`
      return { document: { format: 'pdf', name: names.take(part.name), source: { bytes } } }
    }
    case 'thinking':
      return writeThought(part)
    case 'tool-call': {
      const { id: toolUseId, name } = part
      return { toolUse: { toolUseId, name, input: argumentsOf(part) ?? {} } }
    }
    case 'tool-result':
      return writeResult(part, names)
  }
}

/** Unsigned, or signed by somebody else, it would be refused. */
function writeThought({ text, signature: given }: Extract<Part, { kind: 'thinking' }>) {
  const redactedContent = ownSignature('redacted', given)
  if (redactedContent !== null) return { reasoningContent: { redactedContent } }
  const signature = ownSignature('anthropic', given)
  return signature === null ? null : { reasoningContent: { reasoningText: { text, signature } } }
}

function writeResult(
  part: Extract<Part, { kind: 'tool-result' }>,
  names: DocumentNames,
): object | Unsayable {
  const content: object[] = []
  for (const one of part.parts) {
    const written = writePart(one, names)
    if (written === null) continue
    if (isUnsayable(written)) return written
    content.push(written)
  }
  // Empty ones are refused.
  const said = content.length === 0 ? [{ text: ' ' }] : content
  const status = part.isError ? { status: 'error' } : {}
  return { toolResult: { toolUseId: part.id, content: said, ...status } }
}

function writeSettings({ maxTokens, temperature, topP, stop }: ChatRequest): object {
  return {
    ...(maxTokens === undefined ? {} : { maxTokens }),
    ...(temperature === undefined ? {} : { temperature }),
    ...(topP === undefined ? {} : { topP }),
    ...(stop === undefined ? {} : { stopSequences: stop }),
  }
}

function writeTools(request: ChatRequest): object {
  const { toolChoice } = request
  const tools = calledTools(request)
  if (tools.length === 0 || toolChoice?.kind === 'none') return {}
  const written = tools.map(({ name, description, parameters, strict }) => ({
    toolSpec: {
      name,
      ...(description === undefined || description === '' ? {} : { description }),
      inputSchema: { json: toolSchema(parameters, strict) },
      ...(strict === true ? { strict } : {}),
    },
  }))
  const choice = writeChoice(toolChoice)
  return { toolConfig: { tools: written, ...(choice === null ? {} : { toolChoice: choice }) } }
}

function writeChoice(choice: ChatRequest['toolChoice']): object | null {
  switch (choice?.kind) {
    case undefined:
    case 'none':
      return null
    case 'auto':
      return { auto: {} }
    case 'required':
      return { any: {} }
    case 'tool':
      return { tool: { name: choice.name } }
  }
}

function writeOutput({ effort, format }: ChatRequest): object {
  const config = {
    ...(effort === undefined || effort === 'none' ? {} : { effort }),
    ...(format?.kind === 'json-schema' ? { textFormat: writeFormat(format) } : {}),
  }
  return Object.keys(config).length === 0 ? {} : { outputConfig: config }
}

/** The schema is a text in this dialect. */
function writeFormat({
  name,
  schema,
}: Extract<ChatRequest['format'], { kind: 'json-schema' }>): object {
  const jsonSchema = {
    schema: exactJson(closedSchema(schema)),
    ...(name === '' ? {} : { name }),
  }
  return { type: 'json_schema', structure: { jsonSchema } }
}

/** What Converse passes on to a model of Anthropic's as it is. */
function writeOwn(request: ChatRequest): object {
  const { topK, model } = request
  if (!isClaude(model)) return {}
  const own = { ...(topK === undefined ? {} : { top_k: topK }), ...writeThinking(request) }
  return Object.keys(own).length === 0 ? {} : { additionalModelRequestFields: own }
}
