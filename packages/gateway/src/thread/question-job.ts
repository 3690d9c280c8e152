// Question job
//
// What a request asks, as a cache knows it: by hashes, and by the text that a model of embeddings is asked about.

import { createHash } from 'node:crypto'
import { isObject, type JsonObject } from '@tutti/core/dialect'
import { exactJsonOf } from '@tutti/core/resource'
import { type CacheAsked, type CachePlace, cacheQuestion } from '@tutti/core/routing'

export interface AskedQuestion extends Omit<CacheAsked, 'parsed'> {
  readonly kind: 'question'
  readonly place: CachePlace
  /** Whether its meaning is compared, too. */
  readonly isSemantic: boolean
  /** The request. */
  readonly bytes: Uint8Array
}

export interface FoundQuestion {
  /** What an answer is kept under. */
  readonly exact: string
  /** Within what meaning is compared; null where it is not. */
  readonly context: string | null
  /** The last question, as a JSON text; null where meaning is not compared. */
  readonly text: Uint8Array<ArrayBuffer> | null
}

/** Does a job on the thread that calls it; `known` is the request where it is parsed already. */
export function questionOf(job: AskedQuestion, known?: JsonObject): FoundQuestion {
  const { place, bytes, isSemantic, kind: _, ...of } = job
  const parsed = known ?? parsedOf(bytes)
  const asked = cacheQuestion({ ...of, parsed }, place)
  const { exact, context, text, isTranslatable } = asked
  const isMeant = isSemantic && context !== null && text !== null
  return {
    exact: hashOf(isTranslatable ? exact : `${of.stream}${exact}`),
    context: isMeant ? hashOf(context) : null,
    text: isMeant ? new TextEncoder().encode(JSON.stringify(text)) : null,
  }
}

function parsedOf({ buffer, byteOffset, byteLength }: Uint8Array): JsonObject {
  const text = Buffer.from(buffer, byteOffset, byteLength).toString('utf8')
  const parsed = exactJsonOf(text)
  if (!isObject(parsed)) throw new SyntaxError('expected a JSON object')
  return parsed
}

function hashOf(text: string): string {
  return createHash('sha256').update(text).digest('base64')
}
