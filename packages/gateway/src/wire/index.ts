export type { AnswerController, AnswerHandler, AnswerHeaders } from './answer-handler.ts'
export { Front } from './front.ts'
export { Lanes } from './lanes.ts'
export { bodyBytesMax, type Incoming, type Reply } from './reply.ts'
