// Bounds
//
// The most tokens that a chat request can take: what a budget sets aside for it.

import { objectOf } from '@tutti/core/dialect'
import type { Bounds } from '../routing/index.ts'
import type { ChatAsked } from './chat-body.ts'

// An image behind a URL is not in the body; no provider counts more tokens for one.
const linkedTokens = 16_384

/** A token is a byte of the body at least, in every tokenizer that works on bytes. */
export function boundsOf({ body, outline, path }: ChatAsked): Bounds | null {
  if (path === '/messages/count_tokens') return null
  const inputTokens = body.length + linkedTokens * linksIn(outline)
  if (path === '/embeddings') return { inputTokens, outputTokens: 0 }
  const config = objectOf(outline['generationConfig'])
  const stated =
    outline['max_completion_tokens'] ??
    outline['max_tokens'] ??
    outline['max_output_tokens'] ??
    config['maxOutputTokens']
  if (typeof stated !== 'number' || !(stated >= 0)) return { inputTokens, outputTokens: null }
  const choices = Number(outline['n'] ?? config['candidateCount'] ?? 1)
  return { inputTokens, outputTokens: stated * Math.max(1, choices || 1) }
}

/** Texts that begin as a link does: what is parsed has far fewer values than the body has bytes. */
function linksIn(request: unknown): number {
  let count = 0
  const left = [request] // a list of its own: a hostile body is nested deeper than calls may be
  while (left.length > 0) {
    const value = left.pop()
    if (typeof value === 'string') count += value.startsWith('http') ? 1 : 0
    else if (typeof value === 'object' && value !== null) {
      for (const one of Object.values(value)) left.push(one)
    }
  }
  return count
}
