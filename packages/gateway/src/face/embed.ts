// Embed
//
// Asks the models of a Route for the meaning of texts, as vectors: Providers in OpenAI's or Gemini's dialect, or models of
// the fleet by the Open Inference Protocol. So callers are answered by who speaks another dialect than they do, and the
// cache compares questions.

import {
  type EmbeddingDialect,
  type EmbeddingPath,
  type EngineDialect,
  embeddingDialectOf,
  isUnsayable,
  type JsonObject,
  jsonOf,
  objectOf,
  parseEmbedding,
  readEmbedding,
  type Unsayable,
  writeEmbedding,
  writeEmbeddingAnswer,
} from '@tutti/core/dialect'
import type { AnswerReading, Call, Candidate, Impossible, Saying } from '../routing/index.ts'
import { impossible, providerHeaders, type ToProvider } from './chat.ts'
import type { ChatAsked } from './chat-body.ts'
import { toInfer } from './oip.ts'
import { embeddingsReading } from './reading.ts'
import { withoutDropped } from './without-dropped.ts'

export interface EmbeddingAsked {
  readonly path: EmbeddingPath
  readonly whole: () => JsonObject
}

/** How whoever speaks another dialect is asked what a caller asks. */
export function toEmbeddings(
  asked: EmbeddingAsked,
): Pick<Call, 'toNode'> & { readonly toProvider: ToProvider } {
  let infer: Inference | Impossible | null = null // the same for all nodes
  return {
    toNode: (serves) => {
      infer ??= inference(asked)
      return 'kind' in infer ? infer : toInfer(serves, infer.body, infer.reading)
    },
    toProvider: (provider, target) => {
      const to = embeddingDialectOf(provider.dialect)
      if (to === null) {
        return impossible(
          'model',
          `${provider.name} speaks ${provider.dialect}, which embeds nothing`,
        )
      }
      const { model } = target
      const said = withoutDropped(asked.whole(), target, (body) =>
        sayable(asked, body, { to, model }),
      )
      if (isUnsayable(said)) return impossible(said.field, said.message)
      const { written, dropped } = said
      return {
        method: 'POST',
        path:
          to === 'gemini'
            ? `/models/${encodeURIComponent(model)}:batchEmbedContents`
            : '/embeddings',
        headers: providerHeaders(provider),
        body: Buffer.from(JSON.stringify(written.body)),
        reading: embeddingsReading(to, written.count),
        ...(dropped.size === 0 ? {} : { dropped: [...dropped] }),
      }
    },
  }
}

interface Inference {
  readonly body: Buffer
  readonly reading: AnswerReading
}

function inference(asked: EmbeddingAsked): Inference | Impossible {
  const said = sayable(asked, asked.whole(), { to: 'oip', model: '' })
  if (isUnsayable(said)) return impossible(said.field, said.message)
  const body = Buffer.from(JSON.stringify(said.body))
  return { body, reading: embeddingsReading('oip', said.count) }
}

interface Said {
  readonly body: object
  /** How many texts it has. */
  readonly count: number
}

function sayable(
  { path }: EmbeddingAsked,
  body: JsonObject,
  { to, model }: { readonly to: EmbeddingDialect; readonly model: string },
): Said | Unsayable {
  const request = parseEmbedding(path, body)
  if (isUnsayable(request)) return request
  const written = writeEmbedding(to, request, { model, path })
  return isUnsayable(written) ? written : { body: written, count: request.texts.length }
}

/** What was answered in another dialect, in the caller's. */
export function embeddingBody(
  { path, whole, model }: EmbeddingAsked & Pick<ChatAsked, 'model'>,
  parsed: unknown,
  { provider }: Pick<Candidate, 'provider'>,
): Buffer {
  const answer = readEmbedding(dialectOf(provider), objectOf(parsed))
  const named = { ...answer, model: answer.model || model }
  const isPacked = path === '/embeddings' && whole()['encoding_format'] === 'base64'
  const said = writeEmbeddingAnswer(path, named, isPacked ? packed : (vector) => vector)
  return Buffer.from(JSON.stringify(said))
}

/** Floats of four bytes, the least significant one first, in base64. */
function packed(vector: readonly number[]): string {
  const bytes = Buffer.alloc(vector.length * 4)
  vector.forEach((value, place) => {
    bytes.writeFloatLE(value, place * 4)
  })
  return bytes.toString('base64')
}

const aroundBytes = 128 // of a request besides its text

/** How a model is asked for the meaning of a text, given as JSON. */
export function toEmbedder(text: Uint8Array): Saying {
  const input = jsonOf(Buffer.from(text).toString('utf8'))
  const bounds = { inputTokens: text.length + aroundBytes, outputTokens: 0, answers: 1 }
  const asked: EmbeddingAsked = { path: '/embeddings', whole: () => ({ model: '', input }) }
  return { ...toEmbeddings(asked), bounds: { ...bounds, unpriced: null } }
}

/** The one that was asked for. */
export function vectorOf(body: Buffer, { provider }: Pick<Candidate, 'provider'>): Float32Array {
  const { vectors } = readEmbedding(dialectOf(provider), objectOf(jsonOf(body.toString('utf8'))))
  return Float32Array.from(vectors[0] ?? [])
}

function dialectOf(provider: { readonly dialect: EngineDialect } | null): EmbeddingDialect {
  return provider === null ? 'oip' : (embeddingDialectOf(provider.dialect) ?? 'openai')
}
