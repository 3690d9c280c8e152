// Chat
//
// The chat faces: what a caller said in one dialect, said to Providers. Where both speak the same dialect the bytes
// go on as they came, with the Provider's name of the model.

import type { ChatDialect, JsonObject } from '@tutti/core/dialect'
import type { Call, Impossible, Outbound, ProviderEntry, ProviderTarget } from '../routing/index.ts'
import type { ChatBody } from './chat-body.ts'
import { anthropicReading, embeddingsReading, openaiReading } from './reading.ts'
import { spliceModel } from './splice-model.ts'

/** What a caller asks of a chat model. */
export interface ChatAsked {
  readonly dialect: ChatDialect
  /** Below /v1. */
  readonly path: string
  readonly body: Buffer
  readonly asked: ChatBody
}

export function toChatProvider(chat: ChatAsked): Call['toProvider'] {
  return (provider, target) => {
    if (provider.dialect === chat.dialect) return sameDialect(chat, provider, target)
    return impossible('model', `${target.provider} speaks ${provider.dialect}, not ${chat.dialect}`)
  }
}

/**
 * The same request with the answer's beginning as the assistant's last message; for targets that
 * take no such
 * message, the request as it was: they begin anew and what the caller has already is checked and
 * left out.
 */
export function toContinuation(chat: ChatAsked, sent: string): Call['toProvider'] {
  const original = toChatProvider(chat)
  return (provider, target) => {
    if (!target.prefill || provider.dialect !== chat.dialect) {
      return original?.(provider, target) ?? impossible('model', 'no Provider answers it')
    }
    const parsed = withPrefill(chat.asked.parsed, sent)
    const body = Buffer.from(JSON.stringify(parsed))
    return sameDialect({ ...chat, body }, provider, target)
  }
}

function sameDialect(
  { dialect, path, body }: ChatAsked,
  provider: ProviderEntry,
  target: ProviderTarget,
): Outbound {
  const reading = dialect === 'anthropic' ? anthropicReading : openaiReading
  const outbound = { method: 'POST' as const, path, body: spliceModel(body, target.model) }
  const headers = providerHeaders(provider)
  return { ...outbound, headers, reading: path === '/embeddings' ? embeddingsReading : reading }
}

function withPrefill(request: JsonObject, sent: string): JsonObject {
  const { messages } = request
  const before = Array.isArray(messages) ? messages : []
  return { ...request, messages: [...before, { role: 'assistant', content: sent }] }
}

/** How a Provider of each dialect wants to be spoken to. */
export function providerHeaders({ dialect, apiKey }: ProviderEntry): Record<string, string> {
  const json = { 'content-type': 'application/json' }
  switch (dialect) {
    case 'openai':
    case 'openai-responses':
      return apiKey === undefined ? json : { ...json, authorization: `Bearer ${apiKey}` }
    case 'anthropic':
      return {
        ...{ ...json, 'anthropic-version': '2023-06-01' },
        ...(apiKey === undefined ? {} : { 'x-api-key': apiKey }),
      }
    case 'gemini':
      return apiKey === undefined ? json : { ...json, 'x-goog-api-key': apiKey }
  }
}

export function impossible(field: string, message: string): Impossible {
  return { kind: 'impossible', field, message }
}
