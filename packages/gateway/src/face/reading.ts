// Reading
//
// How the answers of nodes and Providers are read, by what they speak.

import {
  anthropicError,
  jsonOf,
  objectOf,
  openaiError,
  readAnthropicEvent,
  readAnthropicWhole,
  readEmbeddingsWhole,
  readOpenaiEvent,
  readOpenaiWhole,
} from '@tutti/core/dialect'
import type { AnswerReading } from '../routing/index.ts'

const openaiErrors: AnswerReading['error'] = (text, status) => ({
  ...openaiError(objectOf(jsonOf(text)), status),
  status,
})

export const oipReading: AnswerReading = { whole: null, event: null, error: openaiErrors }

export const embeddingsReading: AnswerReading = {
  whole: readEmbeddingsWhole,
  event: null,
  error: openaiErrors,
}

/** Chat completions and legacy completions. */
export const openaiReading: AnswerReading = {
  whole: readOpenaiWhole,
  event: readOpenaiEvent,
  error: openaiErrors,
}

export const anthropicReading: AnswerReading = {
  whole: readAnthropicWhole,
  event: readAnthropicEvent,
  error: (text, status) => ({ ...anthropicError(objectOf(jsonOf(text)), status), status }),
}
