// Output limit
//
// The most tokens of answer that a chat request allows. What counts is what the dialect that it is asked in reads:
// members of other dialects are no limit there.

import { type ChatDialect, type JsonObject, objectOf } from '../dialect/index.ts'
import { ExactNumber } from '../resource/index.ts'

// More than any request or model has: what a number beyond it says is no limit, and sums with it stay finite.
const countMax = 1_000_000_000

/** What each dialect calls it, for whoever is to set one. */
export const outputLimitNames: Readonly<Record<ChatDialect, string>> = {
  openai: 'max_tokens',
  'openai-responses': 'max_output_tokens',
  anthropic: 'max_tokens',
  gemini: 'generationConfig.maxOutputTokens',
}

/** Null where it sets none, or nobody knows which one counts. */
export function outputLimit(body: JsonObject, dialect: ChatDialect): number | null {
  if (dialect === 'openai-responses') return limitOf(body['max_output_tokens'])
  if (dialect === 'anthropic') return limitOf(body['max_tokens'])
  if (dialect === 'gemini') return limitInConfigs(geminiConfigs(body))
  // Of two, engines differ on which one they know.
  const [newer, older] = [body['max_completion_tokens'], body['max_tokens']]
  return highest([newer, older].filter(isThere).map(limitOf))
}

export function isThere(value: unknown): boolean {
  return value !== undefined && value !== null
}

/** A bounded number, with however many digits; null for what is none. */
export function limitOf(value: unknown): number | null {
  const count = value instanceof ExactNumber ? value.valueOf() : value
  return typeof count === 'number' && count >= 0 ? Math.min(count, countMax) : null
}

/** Null where there is none, or one of them is unknown. */
function highest(limits: readonly (number | null)[]): number | null {
  if (limits.length === 0) return null
  return limits.reduce((most, one) => (most === null || one === null ? null : Math.max(most, one)))
}

/** It may be written in both ways: which one is read, or whether both are, nobody knows here. */
export function geminiConfigs(body: JsonObject): readonly JsonObject[] {
  return [body['generationConfig'], body['generation_config']].filter(isThere).map(objectOf)
}

/** Null where one of them sets no limit, or they set several. */
function limitInConfigs(configs: readonly JsonObject[]): number | null {
  const stated = configs.flatMap(({ maxOutputTokens, max_output_tokens: other }) => {
    const there = [maxOutputTokens, other].filter(isThere)
    return there.length === 0 ? [null] : there.map(limitOf)
  })
  const [limit = null, ...others] = new Set(stated)
  return others.length === 0 ? limit : null
}

const limitNames: Readonly<Record<ChatDialect, readonly string[]>> = {
  openai: ['max_completion_tokens', 'max_tokens'],
  'openai-responses': ['max_output_tokens'],
  anthropic: ['max_tokens'],
  gemini: ['maxOutputTokens', 'max_output_tokens'],
}

/** For who goes on after so many tokens of the answer: what is left of its limits, at least one. */
export function withLessOutput(body: JsonObject, dialect: ChatDialect, spent: number): JsonObject {
  if (dialect !== 'gemini') return lessIn(body, limitNames[dialect], spent)
  const configs = ['generationConfig', 'generation_config'].flatMap((name) =>
    isThere(body[name]) ? [[name, lessIn(objectOf(body[name]), limitNames.gemini, spent)]] : [],
  )
  return { ...body, ...Object.fromEntries(configs) }
}

function lessIn(settings: JsonObject, names: readonly string[], spent: number): JsonObject {
  const left = names.flatMap((name) => {
    const limit = settings[name]
    return typeof limit === 'number' && limit > 0 ? [[name, Math.max(1, limit - spent)]] : []
  })
  return { ...settings, ...Object.fromEntries(left) }
}
