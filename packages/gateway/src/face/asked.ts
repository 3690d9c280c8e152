// Asked
//
// A call as its face has understood it, before anybody knows who answers.

import { isEmbeddingPath } from '@tutti/core/dialect'
import type { Saying } from '../routing/index.ts'
import { boundsOf } from './bounds.ts'
import { type ToProvider, toChatProvider } from './chat.ts'
import { type ChatAsked, isOwn } from './chat-body.ts'
import { toEmbeddings } from './embed.ts'

export type Asked = Saying & {
  readonly mayStream: boolean
  readonly name: string
  readonly chat: ChatAsked | null
}

/** What is asked of a model that is given texts. */
export function askedOfChat(chat: ChatAsked): Asked {
  const own = toChatProvider(chat)
  const { model, path, whole, stream } = chat
  const vectors = isEmbeddingPath(path) ? toEmbeddings({ path, whole }) : null
  const toProvider: ToProvider =
    vectors === null
      ? own
      : (provider, target) =>
          (isOwn(chat, provider.dialect) ? own : vectors.toProvider)(provider, target)
  const toNode = vectors?.toNode ?? null
  return { name: model, toNode, toProvider, mayStream: stream, chat, bounds: boundsOf(chat) }
}
