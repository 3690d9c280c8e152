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
  ResponsesReader,
  readAnthropicEvent,
  readAnthropicWhole,
  readBedrockEvent,
  readBedrockWhole,
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

export const embeddingsReading: AnswerReading = {
  ...{ whole: readEmbeddingsWhole, error: errors(openaiError) },
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
