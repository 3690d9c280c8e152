// Pursue unsealed
//
// What a model thought comes sealed for the account that it thought for, and goes back with the next turn. A Route may
// go on elsewhere: where it fell back, by weight, or as its Provider is another by now. Where nobody who could be asked
// reads it, the request is asked once more without: no other engine is told of such thoughts either.

import { isObject, type JsonObject } from '@tutti/core/dialect'
import { exactJson } from '@tutti/core/resource'
import type { Answer, Call, Pursuit } from '../routing/index.ts'
import { type Asked, askedOfChat } from './asked.ts'
import type { ChatAsked } from './chat-body.ts'
import type { Exchange, FacePorts } from './exchange.ts'

export interface Pursued {
  readonly asked: Asked
  readonly pursuit: Pursuit
  readonly answer: Answer
}

/** Within the bounds of the Route; null where that is not why nobody has answered. */
export async function pursueUnsealed(
  { router }: Pick<FacePorts, 'router'>,
  { startMs }: Pick<Exchange, 'startMs'>,
  of: { readonly asked: Asked; readonly call: Call; readonly pursuit: Pursuit },
): Promise<Pursued | null> {
  const { call, pursuit } = of
  if (!pursuit.hasUnreadSeals || call.presence.isGone) return null
  const timeoutMs = Math.floor(call.route.timeoutMs - (performance.now() - startMs))
  const attemptsMax = call.route.attemptsMax - pursuit.attempts
  const chat = of.asked.chat === null ? null : unsealed(of.asked.chat)
  if (chat === null || timeoutMs < 1 || attemptsMax < 1) return null
  const asked = askedOfChat(chat)
  const route = { ...call.route, timeoutMs, attemptsMax }
  const again = router.pursue({ ...call, route, toProvider: asked.toProvider })
  const answer = await again.next()
  if (!('attempts' in answer)) return { asked, pursuit: again, answer }
  const attempts = pursuit.attempts + answer.attempts
  return { asked, pursuit: again, answer: { ...answer, attempts } }
}

/** Null where nothing in it is sealed. */
function unsealed(chat: ChatAsked): ChatAsked | null {
  if (chat.path !== '/responses') return null
  const said = chat.whole()
  const { input } = said
  if (!Array.isArray(input) || !input.some(isSealed)) return null
  const bare: JsonObject = { ...said, input: input.filter((item) => !isSealed(item)) }
  const body = Buffer.from(exactJson(bare))
  return { ...chat, outline: bare, whole: () => bare, modelAt: null, body }
}

function isSealed(item: unknown): boolean {
  const isThought = isObject(item) && item['type'] === 'reasoning'
  return isThought && typeof item['encrypted_content'] === 'string'
}
