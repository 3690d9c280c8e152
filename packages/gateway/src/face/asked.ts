// Asked
//
// A call as its face has understood it, before anybody knows who answers.

import type { Call } from '../routing/index.ts'
import { boundsOf } from './bounds.ts'
import { toChatProvider } from './chat.ts'
import type { ChatAsked } from './chat-body.ts'

export type Asked = Pick<Call, 'toNode' | 'toProvider' | 'mayStream' | 'bounds'> & {
  readonly name: string
  readonly chat: ChatAsked | null
}

/** What is asked of a chat model. */
export function askedOfChat(chat: ChatAsked): Asked {
  return {
    name: chat.model,
    toNode: null,
    toProvider: toChatProvider(chat),
    mayStream: chat.stream,
    chat,
    bounds: boundsOf(chat),
  }
}
