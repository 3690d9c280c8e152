// Reading
//
// How the answers of nodes and Providers are read, by what they speak.

import {
  anthropicError,
  bedrockError,
  type EmbeddingDialect,
  type EmbeddingPath,
  type EngineDialect,
  embeddingReader,
  geminiError,
  jsonOf,
  objectOf,
  openaiError,
  ResponsesReader,
  readAnthropicEvent,
  readAnthropicWhole,
  readBedrockEvent,
  readBedrockWhole,
  readEmbeddedEnds,
  readEmbeddedWhole,
  readEmbeddingsEnds,
  readEmbeddingsWhole,
  readGeminiEvent,
  readGeminiWhole,
  readOpenaiEvent,
  readOpenaiWhole,
  readResponsesWhole,
} from '@tutti/core/dialect'
import { type AnswerReading, FrameSplitter } from '../routing/index.ts'

type ErrorReader = typeof openaiError

/** The status is what HTTP says; the body only explains it. */
function errors(read: ErrorReader): AnswerReading['error'] {
  return (text, status) => ({ ...read(objectOf(jsonOf(text)), status), status })
}

export const oipReading: AnswerReading = { whole: null, error: errors(openaiError) }

const embeddingErrors: Readonly<Record<EmbeddingDialect, AnswerReading['error']>> = {
  openai: errors(openaiError),
  gemini: errors(geminiError),
  oip: errors(openaiError),
}

/** Of answers that are to be said in other words: with a vector for each of `count` texts. */
export function embeddingsReading(from: EmbeddingDialect, count: number): AnswerReading {
  const whole = embeddingReader(from, count)
  return { whole, error: embeddingErrors[from] }
}

const geminis: AnswerReading = {
  ...{ whole: readEmbeddedWhole, ends: readEmbeddedEnds, error: embeddingErrors.gemini },
}

/** Of answers that go on as they come. */
export const ownEmbeddings: Readonly<Record<EmbeddingPath, AnswerReading>> = {
  '/embeddings': {
    ...{ whole: readEmbeddingsWhole, ends: readEmbeddingsEnds, error: embeddingErrors.openai },
  },
  embedContent: geminis,
  batchEmbedContents: geminis,
}

export const chatReadings: Readonly<Record<EngineDialect, AnswerReading>> = {
  // legacy completions too
  openai: { whole: readOpenaiWhole, events: () => readOpenaiEvent, error: errors(openaiError) },
  'openai-responses': {
    ...{ whole: readResponsesWhole, error: errors(openaiError) },
    events: () => {
      const reader = new ResponsesReader()
      return (event) => reader.read(event)
    },
  },
  anthropic: {
    ...{
      whole: readAnthropicWhole,
      events: () => readAnthropicEvent,
      error: errors(anthropicError),
    },
  },
  gemini: { whole: readGeminiWhole, events: () => readGeminiEvent, error: errors(geminiError) },
  bedrock: {
    ...{ whole: readBedrockWhole, events: () => readBedrockEvent, error: errors(bedrockError) },
    frames: {
      contentType: 'application/vnd.amazon.eventstream',
      splitter: () => new FrameSplitter(),
    },
  },
}
