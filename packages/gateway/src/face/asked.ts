// Asked
//
// A call as its face has understood it, before anybody knows who answers.

import { isEmbeddingPath } from '@tutti/core/dialect'
import type { Call } from '../routing/index.ts'
import { boundsOf } from './bounds.ts'
import { toChatProvider } from './chat.ts'
import type { ChatAsked } from './chat-body.ts'
import { toEmbeddings } from './embed.ts'

export type Asked = Pick<Call, 'toNode' | 'toProvider' | 'mayStream' | 'bounds'> & {
  readonly name: string
  readonly chat: ChatAsked | null
}

/** What is asked of a model that is given texts. */
export function askedOfChat(chat: ChatAsked): Asked {
  return {
    name: chat.model,
    ...saidOf(chat),
    mayStream: chat.stream,
    chat,
    bounds: boundsOf(chat),
  }
}

function saidOf(chat: ChatAsked): Pick<Call, 'toNode' | 'toProvider'> {
  const toProvider = toChatProvider(chat)
  const { path, whole, dialect } = chat
  if (!isEmbeddingPath(path)) return { toNode: null, toProvider }
  const others = toEmbeddings({ path, whole })
  return {
    ...others,
    toProvider: (provider, target) =>
      (provider.dialect === dialect ? toProvider : others.toProvider)(provider, target),
  }
}
