export { anthropicError, anthropicErrorType } from './anthropic-error.ts'
export { readAnthropicEvent } from './anthropic-stream.ts'
export { AnthropicWriter } from './anthropic-writer.ts'
export {
  type AnswerFormat,
  type ChatAnswer,
  type ChatDialect,
  type ChatEvent,
  type ChatRequest,
  chatDialects,
  type ImageSource,
  type Message,
  noUsage,
  type Part,
  type Stop,
  type StreamEvent,
  type Tool,
  type ToolCall,
  type ToolChoice,
  type Usage,
  type WholeReading,
} from './chat.ts'
export type { ChatWriter, WriterOptions } from './chat-writer.ts'
export { isObject, type JsonObject, jsonOf, objectOf } from './json.ts'
export { type ErrorEvent, openaiError } from './openai-error.ts'
export { readOpenaiEvent } from './openai-stream.ts'
export { OpenaiWriter } from './openai-writer.ts'
export {
  readAnthropicWhole,
  readEmbeddingsWhole,
  readOpenaiWhole,
  type WholeReader,
} from './read-whole.ts'
export { StreamProgress } from './stream-progress.ts'
export { type DialectError, writeError, writeErrorEvent } from './write-error.ts'
