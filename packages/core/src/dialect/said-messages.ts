// Said messages
//
// What a target gets of a conversation: messages that say something to it. Texts may be empty, and thoughts another's;
// Anthropic, Bedrock and Gemini refuse a message that holds nothing else, the first two a blank text as well, and some
// want roles in turns. Anthropic and Bedrock want results before what else the user says, and Gemini, where calls have
// no ids, in the order of the calls.

import type { EngineDialect, Message, Part } from './chat.ts'
import { mergeMessages } from './merge-messages.ts'
import { isGemini, mayBeClaude } from './model-families.ts'
import { ownSignature, type Signer } from './signature.ts'

/** Of a request: which engine it is for. */
export interface SaidTo {
  readonly dialect: EngineDialect
  readonly model: string
}

/** Whose signed thoughts it reads; in OpenAI's dialect only Google's have a place. */
function signersFor({ dialect, model }: SaidTo): readonly Signer[] {
  switch (dialect) {
    case 'openai':
      return isGemini(model) ? ['gemini'] : []
    case 'openai-responses':
      return ['openai']
    case 'anthropic':
      return ['anthropic', 'redacted']
    case 'bedrock':
      return mayBeClaude(model) ? ['anthropic', 'redacted'] : []
    case 'gemini':
      return ['gemini']
  }
}

/** Neighbours of one role are one, also where what stood between them said nothing. */
export function saidMessages(to: SaidTo, messages: readonly Message[]): Message[] {
  const said = messages.map(({ role, parts }) => ({
    role,
    parts: parts.filter((part) => isSaid(to, part)).map((part) => saidResult(to, part)),
  }))
  const merged = resultsAtCalls(mergeMessages(said.filter(({ parts }) => parts.length > 0)))
  return merged.map((message, i) => resultsFirst(message, merged[i - 1]))
}

/** What the system says between a call and its result waits: engines refuse it there. */
function resultsAtCalls(messages: readonly Message[]): readonly Message[] {
  if (!messages.some(({ role }) => role === 'system')) return messages
  const ordered: Message[] = []
  let open = new Set<string>() // calls without results
  let waiting: Message[] = []
  for (const message of messages) {
    const { role, parts } = message
    if (role === 'system' && open.size > 0) waiting.push(message)
    else if (role === 'user' && waiting.length > 0) {
      const isOpen = (part: Part) => part.kind === 'tool-result' && open.has(part.id)
      const results = parts.filter(isOpen)
      ordered.push({ role, parts: results })
      waiting.push({ role, parts: parts.filter((part) => !isOpen(part)) })
    } else {
      ordered.push(...waiting, message)
      waiting = []
      if (role === 'assistant') open = new Set(parts.flatMap(callId))
    }
  }
  return mergeMessages([...ordered, ...waiting].filter(({ parts }) => parts.length > 0))
}

function callId(part: Part): string[] {
  return part.kind === 'tool-call' ? [part.id] : []
}

/** In the order of the calls in the turn before. */
function resultsFirst(message: Message, before: Message | undefined): Message {
  const { role, parts } = message
  if (!parts.some(({ kind }) => kind === 'tool-result')) return message
  const calls = before?.parts ?? []
  const places = new Map(calls.map((part, i) => [part.kind === 'tool-call' ? part.id : '', i]))
  const placeOf = (part: Part) =>
    part.kind === 'tool-result' ? (places.get(part.id) ?? calls.length) : calls.length + 1
  return { role, parts: parts.toSorted((a, b) => placeOf(a) - placeOf(b)) }
}

function isSaid(to: SaidTo, part: Part): boolean {
  if (part.kind === 'text') return isSaidText(to.dialect, part.text)
  if (part.kind !== 'thinking') return true
  return signersFor(to).some((signer) => ownSignature(signer, part.signature) !== null)
}

function saidResult(to: SaidTo, part: Part): Part {
  if (to.dialect !== 'anthropic' || part.kind !== 'tool-result') return part
  return { ...part, parts: part.parts.filter((one) => isSaid(to, one)) }
}

export function isSaidText(to: EngineDialect, text: string): boolean {
  return (to === 'anthropic' || to === 'bedrock' ? text.trim() : text) !== ''
}
