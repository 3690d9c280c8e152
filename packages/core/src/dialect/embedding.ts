// Embedding
//
// Texts whose meaning is asked for as vectors: OpenAI's `/embeddings`, Gemini's `embedContent` and `batchEmbedContents`,
// and models of the fleet by the Open Inference Protocol (the BYTES tensor `text` goes in, `embedding` comes out).
// Every pair goes through one neutral form.

import { z } from 'zod'
import { type EngineDialect, noUsage, type Usage } from './chat.ts'
import { geminiUsage, isGeminiUsage } from './gemini-stream.ts'
import { countOf, type JsonObject, listOf, objectOf, textOf } from './json.ts'
import { isOpenaiUsage, openaiUsage } from './openai-stream.ts'
import { inCamelCase } from './parse-gemini.ts'
import { openaiErrorIn, reader, type WholeReader } from './read-whole.ts'
import { type Unsayable, unsayable, unsayableOf } from './unsayable.ts'
import { withoutNulls } from './without-nulls.ts'

export const embeddingPaths = ['/embeddings', 'embedContent', 'batchEmbedContents'] as const
/** What a caller asks: below /v1, or the name of Gemini's method. */
export type EmbeddingPath = (typeof embeddingPaths)[number]

/** Who is asked. */
export type EmbeddingDialect = 'openai' | 'gemini' | 'oip'

export interface EmbeddingRequest {
  readonly texts: readonly string[]
  /** How long vectors are to be; absent: as the model gives them. */
  readonly dimensions?: number
}

export interface EmbeddingAnswer {
  /** One for each text, in their order. */
  readonly vectors: readonly (readonly number[])[]
  /** Empty where nobody says it. */
  readonly model: string
  /** Null where nobody counted. */
  readonly usage: Usage | null
}

/** True for the path of a request that `parseEmbedding` knows. */
export function isEmbeddingPath(path: string): path is EmbeddingPath {
  return (embeddingPaths as readonly string[]).includes(path)
}

const openaiRequest = z.strictObject({
  model: z.string(),
  // Tokens are one model's own.
  input: z.union([z.string(), z.array(z.string()).min(1)], 'expected a text, or a list of texts'),
  dimensions: z.int().positive().optional(),
  encoding_format: z.enum(['float', 'base64']).optional(),
})

const onePart = z.array(z.strictObject({ text: z.string() })).length(1, 'expected one text')
const geminiRequest = z.strictObject({
  model: z.string().optional(),
  content: z.strictObject({ role: z.string().optional(), parts: onePart }),
  outputDimensionality: z.int().positive().optional(),
})
const geminiBatch = z.strictObject({ requests: z.array(geminiRequest).min(1) })

/** A caller's request in the neutral form. Strict: what has no counterpart is named. */
export function parseEmbedding(
  path: EmbeddingPath,
  body: JsonObject,
): EmbeddingRequest | Unsayable {
  const own = path === '/embeddings' ? body : objectOf(inCamelCase(body))
  const said = withoutNulls(own, new Set())
  switch (path) {
    case '/embeddings': {
      const { data, error } = openaiRequest.safeParse(said, { reportInput: true })
      if (data === undefined) return unsayableOf(error)
      const texts = typeof data.input === 'string' ? [data.input] : data.input
      return requestOf(texts, data.dimensions)
    }
    case 'embedContent': {
      const { data, error } = geminiRequest.safeParse(said, { reportInput: true })
      return data === undefined ? unsayableOf(error) : parsedBatch([data])
    }
    case 'batchEmbedContents': {
      const { data, error } = geminiBatch.safeParse(said, { reportInput: true })
      return data === undefined ? ofAll(unsayableOf(error)) : parsedBatch(data.requests)
    }
  }
}

function parsedBatch(
  requests: readonly z.infer<typeof geminiRequest>[],
): EmbeddingRequest | Unsayable {
  const [dimensions, ...others] = new Set(requests.map((one) => one.outputDimensionality))
  if (others.length > 0) {
    return unsayable('requests[].outputDimensionality', 'vectors of one answer have one length')
  }
  const texts = requests.map(({ content }) => content.parts.map(({ text }) => text).join(''))
  return requestOf(texts, dimensions)
}

function requestOf(texts: readonly string[], dimensions: number | undefined): EmbeddingRequest {
  return dimensions === undefined ? { texts } : { texts, dimensions }
}

/** What clients write into each request of a batch is one setting to whoever may leave it out. */
function ofAll({ field, message }: Unsayable): Unsayable {
  return unsayable(field.replace(/^requests\[\d+\]\.(?!content)/, 'requests[].'), message)
}

const dimensionFields: Readonly<Record<EmbeddingPath, string>> = {
  '/embeddings': 'dimensions',
  embedContent: 'outputDimensionality',
  batchEmbedContents: 'requests[].outputDimensionality',
}

/** A neutral request for who is asked; what cannot be said is named as the caller knows it. */
export function writeEmbedding(
  to: EmbeddingDialect,
  { texts, dimensions }: EmbeddingRequest,
  { model, path }: { readonly model: string; readonly path: EmbeddingPath },
): object | Unsayable {
  switch (to) {
    case 'openai': {
      const length = dimensions === undefined ? {} : { dimensions }
      const input = texts.length === 1 ? texts[0] : texts // all engines take a text alone
      return { model, input, ...length, encoding_format: 'float' }
    }
    case 'gemini': {
      const length = dimensions === undefined ? {} : { outputDimensionality: dimensions }
      const requests = texts.map((text) => ({
        ...{ model: `models/${model}`, content: { parts: [{ text }] }, ...length },
      }))
      return { requests }
    }
    case 'oip': {
      if (dimensions !== undefined) {
        return unsayable(
          dimensionFields[path],
          'vectors of such a model have a length of their own',
        )
      }
      const text = { name: 'text', shape: [texts.length], datatype: 'BYTES', data: texts }
      return { inputs: [text] }
    }
  }
}

/** What an answer says. */
export function readEmbedding(from: EmbeddingDialect, body: JsonObject): EmbeddingAnswer {
  const vectors = vectorsIn(from, body).map((one) => listOf(one).map(Number))
  return { vectors, model: textOf(body['model']), usage: usageIn(from, body) }
}

function vectorsIn(from: EmbeddingDialect, body: JsonObject): readonly unknown[] {
  switch (from) {
    case 'openai':
      return listOf(body['data'])
        .map(objectOf)
        .toSorted((one, other) => countOf(one['index']) - countOf(other['index']))
        .map(({ embedding }) => embedding)
    case 'gemini':
      return listOf(body['embeddings']).map((one) => objectOf(one)['values'])
    case 'oip': {
      const outputs = listOf(body['outputs']).map(objectOf)
      const { shape, data } = outputs.find(({ name }) => name === 'embedding') ?? {}
      return rowsOf(listOf(data), countOf(listOf(shape).at(-1)))
    }
  }
}

/** Of a tensor that lies flat, or is nested. */
function rowsOf(data: readonly unknown[], length: number): readonly unknown[] {
  if (Array.isArray(data[0])) return data
  if (length === 0 || data.length % length !== 0) return []
  return Array.from({ length: data.length / length }, (_, row) =>
    data.slice(row * length, (row + 1) * length),
  )
}

function usageIn(from: EmbeddingDialect, { usage, usageMetadata: own }: JsonObject): Usage | null {
  switch (from) {
    case 'openai':
      return isOpenaiUsage(usage) ? openaiUsage(usage) : null
    case 'gemini':
      return isGeminiUsage(own) ? geminiUsage(own) : null
    case 'oip':
      return null // it counts none
  }
}

/** A reader of answers with a vector for each of `count` texts. */
export function embeddingReader(from: EmbeddingDialect, count: number): WholeReader {
  return reader(
    (body) => {
      const vectors = vectorsIn(from, body)
      if (vectors.length !== count) return `an answer with ${vectors.length} vectors of ${count}`
      const [first] = vectors
      const length = listOf(first).length
      const isVector = (one: unknown) =>
        listOf(one).length === length && listOf(one).every(isNumber)
      return length > 0 && vectors.every(isVector) ? null : 'an answer whose vectors are not alike'
    },
    (body) => usageIn(from, body),
    from === 'openai' ? { errorIn: openaiErrorIn } : {},
  )
}

function isNumber(value: unknown): boolean {
  return typeof value === 'number'
}

/** An answer to who asked so; `form` is how the caller wants each vector in OpenAI's dialect. */
export function writeEmbeddingAnswer(
  path: EmbeddingPath,
  { vectors, model, usage }: EmbeddingAnswer,
  form: (vector: readonly number[]) => unknown,
): object {
  const { input } = usage ?? noUsage
  if (path === '/embeddings') {
    const data = vectors.map((vector, index) => {
      return { object: 'embedding', index, embedding: form(vector) }
    })
    const tokens = { prompt_tokens: input, total_tokens: input }
    return { object: 'list', data, model, usage: tokens }
  }
  const counted = usage === null ? {} : { usageMetadata: { promptTokenCount: input } }
  const embeddings = vectors.map((values) => ({ values }))
  if (path === 'batchEmbedContents') return { embeddings, ...counted }
  return { embedding: embeddings[0], ...counted }
}

/** How engines of a dialect are asked for vectors; null where they give none. */
export function embeddingDialectOf(dialect: EngineDialect): 'openai' | 'gemini' | null {
  if (dialect === 'openai-responses') return 'openai' // one vendor's: the same address has both
  return dialect === 'openai' || dialect === 'gemini' ? dialect : null
}
