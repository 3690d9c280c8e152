// Reading
//
// How the answers of nodes and Providers are read, by what they speak.

import {
  anthropicError,
  bedrockError,
  type EngineDialect,
  geminiError,
  jsonOf,
  objectOf,
  openaiError,
  readAnthropicEvent,
  readAnthropicWhole,
  readBedrockEvent,
  readBedrockWhole,
  readEmbeddingsWhole,
  readGeminiEvent,
  readGeminiWhole,
  readOpenaiEvent,
  readOpenaiWhole,
  readResponsesEvent,
  readResponsesWhole,
} from '@tutti/core/dialect'
import { type AnswerReading, FrameSplitter } from '../routing/index.ts'

type ErrorReader = typeof openaiError

/** The status is what HTTP says; the body only explains it. */
function errors(read: ErrorReader): AnswerReading['error'] {
  return (text, status) => ({ ...read(objectOf(jsonOf(text)), status), status })
}

export const oipReading: AnswerReading = { whole: null, event: null, error: errors(openaiError) }

export const embeddingsReading: AnswerReading = {
  ...{ whole: readEmbeddingsWhole, event: null, error: errors(openaiError) },
}

/** An answer of a few numbers about an Anthropic request. */
export const countReading: AnswerReading = {
  ...{ whole: null, event: null, error: errors(anthropicError) },
}

export const chatReadings: Readonly<Record<EngineDialect, AnswerReading>> = {
  // legacy completions too
  openai: { whole: readOpenaiWhole, event: readOpenaiEvent, error: errors(openaiError) },
  'openai-responses': {
    ...{ whole: readResponsesWhole, event: readResponsesEvent, error: errors(openaiError) },
  },
  anthropic: {
    ...{ whole: readAnthropicWhole, event: readAnthropicEvent, error: errors(anthropicError) },
  },
  gemini: { whole: readGeminiWhole, event: readGeminiEvent, error: errors(geminiError) },
  bedrock: {
    ...{ whole: readBedrockWhole, event: readBedrockEvent, error: errors(bedrockError) },
    frames: {
      contentType: 'application/vnd.amazon.eventstream',
      splitter: () => new FrameSplitter(),
    },
  },
}
