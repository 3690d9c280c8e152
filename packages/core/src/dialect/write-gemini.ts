// Write Gemini
//
// A neutral request as a generateContent request, and a neutral answer as its response.

import {
  argumentsOf,
  type ChatAnswer,
  type ChatRequest,
  type Citation,
  type MediaSource,
  type Part,
  type Stop,
  type Usage,
} from './chat.ts'
import { citationsOf, Places } from './cited-text.ts'
import { writeGeminiLink } from './gemini-link.ts'
import { isObject, type JsonObject, jsonOf } from './json.ts'
import { mediaApart } from './media-apart.ts'
import { plainResult } from './parse-gemini.ts'
import { carriedSignature, foreignSignature, ownSignature } from './signature.ts'
import { isUnsayable, type Unsayable, unsayable } from './unsayable.ts'
import { resultText } from './write-openai.ts'

/** The body; the model and whether to stream stand in the path. */
export function writeGemini(request: ChatRequest): object | Unsayable {
  const told: Told = { model: request.model, names: new Map() }
  const instead = signatureInstead(request.model)
  const takesMedia = instead !== null
  const messages = takesMedia ? request.messages : mediaApart(request.messages)
  const contents: object[] = []
  for (const { role, parts } of messages) {
    const write = (part: Part) => {
      if (part.kind === 'tool-call') told.names.set(part.id, part.name)
      return writePart(part, told)
    }
    const written = writeParts(parts.flatMap(nameSaid), write, instead)
    if (isUnsayable(written)) return written
    contents.push({ role: role === 'assistant' ? 'model' : 'user', parts: written })
  }
  const config = writeConfig(request)
  if (isUnsayable(config)) return config
  return {
    contents,
    ...(request.system === '' ? {} : { systemInstruction: { parts: [{ text: request.system }] } }),
    ...writeTools(request),
    ...(Object.keys(config).length === 0 ? {} : { generationConfig: config }),
  }
}

/** From its third generation on Gemini refuses steps whose first call is not signed. */
function signatureInstead(model: string): string | null {
  return /gemini-(?![12]\b)/.test(model) ? foreignSignature : null
}

/**
 * What Gemini signed stands with the call or the text that follows it, or at the end. The last of
 * what stands before the first call is of that call: some clients put it before the texts.
 */
function writeParts(
  parts: readonly Part[],
  write: (part: Part) => object | Unsayable | null,
  instead: string | null,
): object[] | Unsayable {
  const first = parts.findIndex(({ kind }) => kind === 'tool-call')
  let left = parts.slice(0, Math.max(first, 0)).filter(isSigning).length // before that call
  const written: object[] = []
  const waiting: string[] = [] // signatures, for what follows
  for (const [i, part] of parts.entries()) {
    if (isSigning(part)) waiting.push(ownSignature('gemini', part.signature) ?? '')
    const one = write(part)
    if (one === null) continue
    if (isUnsayable(one)) return one
    if (part.kind === 'tool-call') {
      const signature = waiting.pop() ?? (i === first ? instead : null)
      written.push(...waiting.splice(0).map(signatureAlone), signed(one, signature))
    } else if (part.kind === 'text' && waiting.length > 0 && (i > first || left > 1)) {
      written.push(signed(one, waiting.shift() ?? null))
      left -= 1
    } else written.push(one)
  }
  return [...written, ...waiting.map(signatureAlone)]
}

type Thought = Extract<Part, { kind: 'thinking' }>

function isSigning(part: Part): part is Thought {
  return part.kind === 'thinking' && ownSignature('gemini', part.signature) !== null
}

function signed(one: object, thoughtSignature: string | null): object {
  return thoughtSignature === null ? one : { ...one, thoughtSignature }
}

function signatureAlone(thoughtSignature: string): object {
  return { text: '', thoughtSignature }
}

/** The dialect has no place for a document's name: it is said before it. */
function nameSaid(part: Part): Part[] {
  if (part.kind === 'tool-result') return [{ ...part, parts: part.parts.flatMap(nameSaid) }]
  if (part.kind !== 'document' || part.name === undefined) return [part]
  return [{ kind: 'text', text: `${part.name}:` }, part]
}

interface Told {
  readonly model: string
  /** Of tools, by the id of their call; written by `writeGemini`. */
  readonly names: Map<string, string>
}

function writePart(part: Part, told: Told): object | Unsayable | null {
  switch (part.kind) {
    case 'text':
      return part.text === '' ? null : { text: part.text }
    case 'image':
    case 'document': {
      const { kind, source } = part
      if (source.kind === 'url') return writeGeminiLink(kind, source.url, told.model)
      return inlineData(source)
    }
    case 'audio':
      return { inlineData: { mimeType: `audio/${part.format}`, data: part.data } }
    case 'thinking': // of another provider, or of a former turn
      return null
    case 'tool-call':
      return { functionCall: { name: part.name, args: argumentsOf(part) ?? {} } }
    case 'tool-result':
      return writeResult(part, told)
  }
}

const noUrl = unsayable('messages', 'results of tools show Gemini data, no URL')

export function inlineData(source: MediaSource): object {
  if (source.kind === 'url') return { fileData: { fileUri: source.url } }
  return { inlineData: { mimeType: source.mediaType, data: source.data } }
}

function writeResult(
  part: Extract<Part, { kind: 'tool-result' }>,
  { names }: Told,
): object | Unsayable {
  const name = names.get(part.id)
  const media = part.parts.filter((one) => one.kind === 'image' || one.kind === 'document')
  const text = resultText({ ...part, isError: false })
  if (name === undefined) return unsayable('messages', `no tool was called with the id ${part.id}`)
  const response = part.isError ? { error: text } : (sameObject(text) ?? { result: text })
  if (media.length === 0) return { functionResponse: { name, response } }
  if (media.some(({ source }) => source.kind === 'url')) return noUrl
  const parts = media.map(({ source }) => inlineData(source))
  return { functionResponse: { name, response, parts } }
}

/**
 * The object that a text is, where it reads back as this very text: a parser loses spaces, large
 * numbers (Google's too) and doubled members, and an object that looks like a wrapped text is taken
 * for one.
 */
function sameObject(text: string): JsonObject | null {
  const value = jsonOf(text)
  if (!isObject(value) || JSON.stringify(value) !== text) return null
  return plainResult(value) === null ? value : null
}

function writeTools({ tools, toolChoice }: ChatRequest): object {
  if (tools.length === 0) return {}
  const functionDeclarations = tools.map(({ name, description, parameters }) => ({
    name,
    ...(description === undefined ? {} : { description }),
    parametersJsonSchema: parameters,
  }))
  const isStrict = tools.some(({ strict }) => strict === true)
  const config = writeChoice(toolChoice, isStrict)
  return {
    tools: [{ functionDeclarations }],
    ...(config === null ? {} : { toolConfig: { functionCallingConfig: config } }),
  }
}

function writeChoice(choice: ChatRequest['toolChoice'], isStrict: boolean): object | null {
  switch (choice?.kind) {
    case undefined:
    case 'auto':
      if (isStrict) return { mode: 'VALIDATED' }
      return choice === undefined ? null : { mode: 'AUTO' }
    case 'none':
      return { mode: 'NONE' }
    case 'required':
      return { mode: 'ANY' }
    case 'tool':
      return { mode: 'ANY', allowedFunctionNames: [choice.name] }
  }
}

function writeConfig(request: ChatRequest): object | Unsayable {
  const { maxTokens, temperature, topP, topK, stop, seed, effort, thinkingTokens, format } = request
  const { presencePenalty, frequencyPenalty } = request
  if (effort === 'xhigh' || effort === 'max') {
    return unsayable('effort', 'Gemini has no effort so large')
  }
  const thinking = {
    ...(thinkingTokens === undefined ? {} : { thinkingBudget: thinkingTokens }),
    ...(effort === 'none' ? { thinkingBudget: 0 } : effort ? { thinkingLevel: effort } : {}),
    // Refused where there are none.
    ...(request.thoughts === true && effort !== 'none' ? { includeThoughts: true } : {}),
  }
  return {
    ...(maxTokens === undefined ? {} : { maxOutputTokens: maxTokens }),
    ...(temperature === undefined ? {} : { temperature }),
    ...(topP === undefined ? {} : { topP }),
    ...(topK === undefined ? {} : { topK }),
    ...(stop === undefined ? {} : { stopSequences: stop }),
    ...(seed === undefined ? {} : { seed }),
    ...(presencePenalty === undefined ? {} : { presencePenalty }),
    ...(frequencyPenalty === undefined ? {} : { frequencyPenalty }),
    ...(Object.keys(thinking).length === 0 ? {} : { thinkingConfig: thinking }),
    ...(format === undefined ? {} : { responseMimeType: 'application/json' }),
    ...(format?.kind === 'json-schema' ? { responseJsonSchema: format.schema } : {}),
  }
}

/** A whole response. */
export function writeGeminiAnswer({ id, model, parts, stop, usage }: ChatAnswer): object {
  const written = writeParts(parts, writeAnswerPart, null)
  const content = { role: 'model', parts: written }
  const texts = parts.map((part) => (part.kind === 'text' ? part.text : ''))
  const cited = writeGroundings(texts.join(''), citationsOf(parts))
  return {
    candidates: [{ content, finishReason: geminiReason(stop), index: 0, ...cited }],
    ...{ usageMetadata: writeGeminiUsage(usage), modelVersion: model, responseId: id },
  }
}

/** What a candidate says of its sources; nothing where it cites none. */
export function writeGroundings(text: string, citations: readonly Citation[]): object {
  if (citations.length === 0) return {}
  const places = new Places()
  places.take(text)
  const groundingChunks = citations.map(({ url: uri, title, quote }) =>
    uri === undefined
      ? { retrievedContext: { title, ...(quote === undefined ? {} : { text: quote }) } }
      : { web: { uri, title } },
  )
  const groundingSupports = citations.map(({ start, end }, i) => {
    const [startIndex, endIndex] = [places.byteAt(start), places.byteAt(end)]
    return { segment: { startIndex, endIndex }, groundingChunkIndices: [i] }
  })
  return { groundingMetadata: { groundingChunks, groundingSupports } }
}

function writeAnswerPart(part: Part): object | null {
  if (part.kind === 'thinking') return writeThought(part)
  if (part.kind === 'tool-call' && argumentsOf(part) === null) return null // `whyUnsaid`
  const one = writePart(part, { model: '', names: new Map() })
  return one === null || isUnsayable(one) ? null : withCallId(part, one)
}

/** Another's signature is of the thought, which it needs. */
function writeThought({ text, signature }: Thought): object | null {
  const isOwn = ownSignature('gemini', signature) !== null
  if (isOwn && text === '') return null
  const thoughtSignature =
    signature === undefined || isOwn ? null : carriedSignature('gemini', signature)
  return { text, thought: true, ...(thoughtSignature === null ? {} : { thoughtSignature }) }
}

function withCallId(part: Part, written: object): object {
  if (part.kind !== 'tool-call' || !('functionCall' in written)) return written
  const call = isObject(written.functionCall) ? written.functionCall : {}
  return { ...written, functionCall: { id: part.id, ...call } }
}

export function geminiReason(stop: Stop): string {
  switch (stop) {
    case 'stop':
    case 'stop-sequence':
    case 'tool-calls':
      return 'STOP'
    case 'length':
      return 'MAX_TOKENS'
    case 'content-filter':
      return 'SAFETY'
    case 'other':
      return 'OTHER'
  }
}

export function writeGeminiUsage(usage: Usage): object {
  return {
    promptTokenCount: usage.input,
    candidatesTokenCount: usage.output - usage.reasoning,
    totalTokenCount: usage.input + usage.output,
    ...(usage.cached > 0 ? { cachedContentTokenCount: usage.cached } : {}),
    ...(usage.reasoning > 0 ? { thoughtsTokenCount: usage.reasoning } : {}),
  }
}
