// OpenAI input
//
// What requests of OpenAI's two dialects have in common: how they hold a file, and what they say of a prompt that is to
// be kept.

import { z } from 'zod'
import type { Part } from './chat.ts'
import { mediaSourceOf } from './merge-messages.ts'

export const fileData = z
  .string()
  .regex(/^(data:|https?:)/, 'expected data:application/pdf;base64,…')

export function documentOf(url: string, name: string | undefined): Part {
  const named = name === undefined || name === '' ? {} : { name }
  return { kind: 'document', source: mediaSourceOf(url), ...named }
}

/** Of a tool that is given a text: nobody else can be held to a grammar. */
export const customFormat = z.strictObject({ type: z.literal('text') })

const keeping = z.strictObject({ mode: z.string().optional(), ttl: z.string().optional() })

/** A mark of a part: up to here. */
export const prompt_cache_breakpoint = keeping.optional()

/** Hints on cost, of a request. */
export const promptHints = {
  prompt_cache_key: z.string().optional(),
  prompt_cache_options: keeping.optional(),
  prompt_cache_retention: z.string().optional(),
}
