// Said messages
//
// What a target gets of a conversation: messages that say something to it. Texts may be empty, and thoughts another's;
// Anthropic, Bedrock and Gemini refuse a message that holds nothing else, and some want roles in turns.

import type { EngineDialect, Message, Part } from './chat.ts'
import { mergeMessages } from './merge-messages.ts'
import { ownSignature, type Signer } from './signature.ts'

/** Whose signed thoughts each reads; in OpenAI's dialect only Google's have a place. */
const signers: Readonly<Record<EngineDialect, readonly Signer[]>> = {
  openai: ['gemini'],
  'openai-responses': ['openai'],
  anthropic: ['anthropic', 'redacted'],
  bedrock: ['anthropic', 'redacted'],
  gemini: ['gemini'],
}

/** Neighbours of one role are one, also where what stood between them said nothing. */
export function saidMessages(to: EngineDialect, messages: readonly Message[]): Message[] {
  const said = messages.map(({ role, parts }) => ({
    role,
    parts: parts.filter((part) => isSaid(to, part)),
  }))
  return mergeMessages(said.filter(({ parts }) => parts.length > 0))
}

function isSaid(to: EngineDialect, part: Part): boolean {
  if (part.kind === 'text') return part.text !== ''
  if (part.kind !== 'thinking') return true
  return signers[to].some((signer) => ownSignature(signer, part.signature) !== null)
}
