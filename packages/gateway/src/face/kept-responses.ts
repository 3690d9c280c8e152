// Kept responses
//
// Requests of the Responses API that ask to be kept, or go on from what was: the input is made whole before it goes
// to a target, which stores nothing and needs to know of nothing.

import { randomUUID } from 'node:crypto'
import { type JsonObject, noUsage, writeResponsesAnswer } from '@tutti/core/dialect'
import {
  chainedItems,
  inputItems,
  isResponseId,
  type StoredResponse,
  sayableItems,
  storedBytesMax,
} from '@tutti/core/routing'
import { refuse } from './answer.ts'
import type { ChatAsked } from './chat-body.ts'
import type { Exchange, FacePorts } from './exchange.ts'
import { KeepingReply } from './keeping-reply.ts'
import { putMember } from './splice-member.ts'

/** What a request wants of its response; null where it is a request like any other. */
export interface Keep {
  readonly previousId: string | null
  readonly isAsked: boolean
  readonly days: number
}

const daysDefault = 30 // as at OpenAI

export function keepOf(
  ports: Pick<FacePorts, 'responses'>,
  { directory, key }: Exchange,
  { outline, path, model }: ChatAsked,
): Keep | null {
  if (path !== '/responses') return null
  const { previous_response_id: previous, store } = outline
  const of = directory.route(key.project, model)?.responses
  const isAsked = asksToBeKept(store, of?.store ?? 'asked')
  const previousId = isResponseId(previous) ? previous : null
  if (!isAsked && previousId === null && !ports.responses.isLocal) return null
  return { previousId, isAsked, days: of?.days ?? daysDefault }
}

function asksToBeKept(store: unknown, rule: 'never' | 'asked' | 'always'): boolean {
  return rule !== 'never' && (store === true || (rule === 'always' && store !== false))
}

/** The same call where its Route keeps nothing, anywhere: neither does the target. */
export function unkept({ directory, key }: Exchange, chat: ChatAsked): ChatAsked {
  const { path, model, outline } = chat
  const rule = directory.route(key.project, model)?.responses?.store
  if (path !== '/responses' || rule !== 'never' || outline['store'] === false) return chat
  const told = (asked: JsonObject) => ({ ...asked, store: false })
  const body = putMember(chat.body, 'store', Buffer.from('false'))
  return { ...chat, outline: told(outline), whole: () => told(chat.whole()), modelAt: null, body }
}

export interface KeptCall {
  readonly exchange: Exchange
  readonly chat: ChatAsked
}

/** The call that is made in its stead; null where it has been answered. */
export async function keptCall(
  ports: FacePorts,
  { exchange, chat }: KeptCall,
  keep: Keep,
): Promise<KeptCall | null> {
  const { reply, dialect, key } = exchange
  const id = `resp_tutti_${randomUUID().replaceAll('-', '')}`
  const before = await previousOf(ports, exchange, keep)
  if (before === 'away') {
    const message = 'the control plane, which keeps responses, is away: say the whole input again'
    const retryAfterS = 1
    refuse(reply, dialect, { status: 503, code: 'responses_away', message, retryAfterS })
    return null
  }
  if (before === 'none') {
    const message = `Previous response with id '${keep.previousId}' not found.`
    const code = 'previous_response_not_found'
    refuse(reply, dialect, { status: 400, code, message, param: 'previous_response_id' })
    return null
  }
  const { previous_response_id: _, generate, ...rest } = chat.whole()
  const items = chainedItems(before, inputItems(rest['input'], id))
  const expiresAtMs = ports.nowMs() + keep.days * 86_400_000
  const about = { id, project: key.project, route: chat.model, expiresAtMs }
  const keeping = new KeepingReply(reply, {
    ...{ id, previousId: keep.previousId, isAsked: keep.isAsked },
    keep: async (response) => {
      const stored: StoredResponse = { ...about, items, response }
      const isShort = JSON.stringify(stored).length <= storedBytesMax
      return isShort && (await ports.responses.keep(stored, keep.isAsked))
    },
  })
  if (generate === false && ports.responses.isLocal) {
    warmUp(ports, keeping, { id, request: rest, model: chat.model })
    return null
  }
  // Without a chain the input is the caller's own; in one, the targets know none of our ids.
  const input = before === null ? rest['input'] : sayableItems(items)
  const parsed: JsonObject = { ...rest, input, store: false }
  const body = Buffer.from(JSON.stringify(parsed))
  const longer = { ...chat, outline: parsed, whole: () => parsed, modelAt: null, body }
  return { exchange: { ...exchange, reply: keeping }, chat: longer }
}

async function previousOf(
  { responses }: FacePorts,
  { key }: Exchange,
  { previousId }: Keep,
): Promise<StoredResponse | null | 'none' | 'away'> {
  if (previousId === null) return null
  try {
    const found = await responses.load({ project: key.project, id: previousId })
    const isAllowed = key.routes === undefined || key.routes.includes(found?.route ?? '')
    return found === null || !isAllowed ? 'none' : found
  } catch {
    return 'away'
  }
}

/** A response that nothing was generated for, to go on from. */
function warmUp(
  { nowMs }: FacePorts,
  reply: KeepingReply,
  {
    id,
    request,
    model,
  }: { readonly id: string; readonly request: JsonObject; readonly model: string },
): void {
  const empty = { id, model, parts: [], stop: 'stop', usage: noUsage } as const
  const response = writeResponsesAnswer(empty, request, Math.floor(nowMs() / 1_000))
  const begun = { ...response, status: 'in_progress' }
  const frames = [
    { type: 'response.created', sequence_number: 0, response: begun },
    { type: 'response.completed', sequence_number: 1, response },
  ]
  reply.begin(200)
  for (const frame of frames) reply.write(`data: ${JSON.stringify(frame)}\n\n`)
  reply.end()
}
