export { answerOfEvents, eventsOfAnswer } from './answer-events.ts'
export { anthropicError } from './anthropic-error.ts'
export { readAnthropicEvent } from './anthropic-stream.ts'
export { bedrockError } from './bedrock-error.ts'
export { readBedrockEvent } from './bedrock-stream.ts'
export {
  type AnswerFormat,
  type ChatAnswer,
  type ChatDialect,
  type ChatEvent,
  type ChatRequest,
  chatDialects,
  type EngineDialect,
  engineDialects,
  grownUsage,
  type MediaSource,
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
export { unplaced } from './cited-text.ts'
export { mayDrop, withoutParam } from './drop-param.ts'
export {
  type EmbeddingDialect,
  type EmbeddingPath,
  type EmbeddingRequest,
  embeddingDialectOf,
  embeddingReader,
  isEmbeddingPath,
  parseEmbedding,
  readEmbedding,
  writeEmbedding,
  writeEmbeddingAnswer,
} from './embedding.ts'
export { geminiError, readGeminiEvent } from './gemini-stream.ts'
export { isObject, type JsonObject, jsonOf, listOf, objectOf, textOf } from './json.ts'
export { type ErrorEvent, openaiError } from './openai-error.ts'
export { readOpenaiEvent } from './openai-stream.ts'
export { isItemReference } from './parse-responses.ts'
export { readAnswer } from './read-answer.ts'
export {
  type EndsReader,
  readEmbeddedEnds,
  readEmbeddedWhole,
  readEmbeddingsEnds,
  readEmbeddingsWhole,
} from './read-embeddings.ts'
export { readOutputs } from './read-outputs.ts'
export {
  readAnthropicWhole,
  readBedrockWhole,
  readGeminiWhole,
  readOpenaiWhole,
  readResponsesWhole,
  type WholeReader,
} from './read-whole.ts'
export { ResponsesReader } from './responses-reader.ts'
export { readResponsesEvent } from './responses-stream.ts'
export { carriedMark } from './signature.ts'
export { StreamProgress } from './stream-progress.ts'
export { isTextType } from './text-file.ts'
export { newChatWriter, parseChat, whyUnsaid, writeAnswer, writeChat } from './translate.ts'
export { isUnsayable, type Unsayable } from './unsayable.ts'
export { withoutCarried, withoutGoogles } from './without-carried.ts'
export { type DialectError, isErrorOf, writeError, writeErrorEvent } from './write-error.ts'
export { inOpenaisWords } from './write-openai.ts'
export { writeResponsesAnswer } from './write-responses.ts'
