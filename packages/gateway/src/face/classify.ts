// Classify
//
// Asks the models of a Route what they think of texts: a Provider by OpenAI's `/moderations`, or a classifier of the
// fleet by the Open Inference Protocol. It is a call like any other: routed, metered, charged to whom it is made for.

import {
  type EngineDialect,
  type JsonObject,
  jsonOf,
  listOf,
  objectOf,
  openaiError,
} from '@tutti/core/dialect'
import type { AnswerReading, Saying } from '../routing/index.ts'
import { impossible, providerHeaders } from './chat.ts'
import { toInfer } from './oip.ts'
import { oipReading } from './reading.ts'

/** What a model thinks of a text. */
export interface Judgement {
  /** Of what kind it takes it to be, e.g. `violence`. */
  readonly category: string
  readonly score: number
}

const textCharsMax = 8_000 // of one piece: classifiers take some thousand tokens
const textsMax = 256 // two million characters; a longer document is refused
const tokensMax = 512 * textsMax // classifiers read no more of each
const aroundBytes = 128 // of a request besides its texts

/** The pieces in which texts are judged; null where there are too many. */
export function piecesOf(texts: readonly string[]): readonly string[] | null {
  const pieces: string[] = []
  let last = ''
  for (const text of texts) {
    for (let at = 0; at < text.length; at += textCharsMax) {
      const part = text.slice(at, at + textCharsMax)
      if (last.length + part.length > textCharsMax) pieces.push(last)
      last = last.length + part.length > textCharsMax ? part : `${last}${part}\n`
    }
  }
  if (last !== '') pieces.push(last)
  return pieces.length > textsMax ? null : pieces
}

/** How a classifier is asked about these pieces. */
export function toClassifier(pieces: readonly string[]): Saying {
  const text = { name: 'text', shape: [pieces.length], datatype: 'BYTES', data: pieces }
  const tensors = Buffer.from(JSON.stringify({ inputs: [text] }))
  const inputTokens = Math.min(tokensMax, tensors.length + aroundBytes)
  return {
    toNode: (serves) => toInfer(serves, tensors, oipReading),
    toProvider: (provider, { model }) => {
      if (!hasModerations.has(provider.dialect)) {
        const message = `${provider.name} speaks ${provider.dialect}, which has no /moderations`
        return impossible('guard.classifier', message)
      }
      const body = Buffer.from(JSON.stringify({ model, input: pieces }))
      const headers = providerHeaders(provider)
      return { method: 'POST', path: '/moderations', headers, body, reading: moderationReading }
    },
    bounds: { inputTokens, outputTokens: 0, answers: 1, unpriced: null },
  }
}

const hasModerations: ReadonlySet<EngineDialect> = new Set(['openai', 'openai-responses'])

const moderationReading: AnswerReading = {
  whole: (text) => {
    const body = jsonOf(text)
    const results = listOf(objectOf(body)['results'])
    if (results.length === 0) return { kind: 'incomplete', reason: 'an answer without results' }
    return { kind: 'complete', usage: null, parsed: body }
  },
  error: (text, status) => ({ ...openaiError(objectOf(jsonOf(text)), status), status }),
}

/** What a classifier said of `count` pieces; null where it did not judge each of them. */
export function judgementsOf(body: Buffer, count: number): readonly Judgement[] | null {
  const answer = objectOf(jsonOf(body.toString('utf8')))
  const { results } = answer
  if (Array.isArray(results)) {
    const each = results.map((one) => moderated(objectOf(one)))
    return results.length === count && !each.includes(null)
      ? each.flatMap((one) => one ?? [])
      : null
  }
  const outputs = listOf(answer['outputs']).map(objectOf)
  const scores = listOf(outputs.find(({ name }) => name === 'score')?.['data'])
  const isJudged = scores.length === count && scores.every((one) => typeof one === 'number')
  return isJudged ? scores.map((one) => ({ category: 'score', score: Number(one) })) : null
}

/** Null for a result that judges nothing: it is no word that a text may pass. */
function moderated({ category_scores: scores, flagged }: JsonObject): Judgement[] | null {
  const judgements = Object.entries(objectOf(scores)).flatMap(([category, score]) =>
    typeof score === 'number' ? [{ category, score }] : [],
  )
  if (judgements.length > 0) return judgements
  if (typeof flagged !== 'boolean') return null
  return flagged ? [{ category: 'flagged', score: 1 }] : []
}
