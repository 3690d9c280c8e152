// Kept responses
//
// Requests of the Responses API that ask to be kept, or go on from what was: the input is made whole before it goes
// to a target, which stores nothing and needs to know of nothing.

import { randomUUID } from 'node:crypto'
import {
  type JsonObject,
  listOf,
  noUsage,
  objectOf,
  writeResponsesAnswer,
} from '@tutti/core/dialect'
import { exactJson } from '@tutti/core/resource'
import {
  chainedItems,
  inputItems,
  isResponseId,
  isThere,
  responseDays,
  type StoredResponse,
  sayableItems,
  sealsIncluded,
  storedBytesMax,
  storedText,
} from '@tutti/core/routing'
import { type Refusal, refuse } from './answer.ts'
import { admitted } from './answer-call.ts'
import { type ChatAsked, isCount } from './chat-body.ts'
import type { Exchange, FacePorts } from './exchange.ts'
import { itemsNamed, namesItems } from './item-references.ts'
import { KeepingReply } from './keeping-reply.ts'
import { putMember } from './splice-member.ts'

/** What a request wants of its response; null where it is a request like any other. */
export interface Keep {
  readonly previousId: string | null
  readonly isAsked: boolean
  readonly days: number
}

export function keepOf(
  ports: Pick<FacePorts, 'responses'>,
  { directory, key }: Exchange,
  chat: ChatAsked,
): Keep | null {
  const { outline, path, model } = chat
  if (path !== '/responses' && !isCount(chat)) return null
  const { previous_response_id: previous, store } = outline
  const of = directory.route(key.project, model)?.responses
  const isAsked = !isCount(chat) && asksToBeKept(store, of?.store ?? 'asked')
  const previousId = isResponseId(previous) ? previous : null
  const isLeaning = previousId !== null || namesItems(outline['input'])
  if (!isAsked && !isLeaning && !ports.responses.isLocal) return null
  return { previousId, isAsked, days: of?.days ?? responseDays }
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
  const { previous_response_id: _, generate, ...rest } = chat.whole()
  const before =
    heldElsewhere(chat.outline, keep) ??
    (await leanedOn(ports, exchange, { keep, input: rest['input'] }))
  if ('status' in before) {
    refuse(reply, dialect, before)
    return null
  }
  const { previous, named } = before
  const said = saidInput(rest['input'], named)
  const items = chainedItems(previous, inputItems(said.whole, id))
  // Without a chain the input is the caller's own; in one, the targets know none of our ids.
  const input = previous === null ? said.sayable : sayableItems(items)
  if (isCount(chat)) return { exchange, chat: withRequest(chat, { ...rest, input }) }
  const expiresAtMs = ports.nowMs() + keep.days * 86_400_000
  const about = { id, project: key.project, route: chat.model, expiresAtMs }
  const isGoneOnFrom = keep.isAsked || ports.responses.isLocal
  const sealing = isGoneOnFrom ? askedSealed(rest) : null
  const keeping = new KeepingReply(reply, {
    ...{ id, previousId: keep.previousId, isAsked: keep.isAsked },
    ...{ isNamed: isGoneOnFrom, isSealed: sealing !== null },
    keep: async (response) => {
      const stored: StoredResponse = { ...about, items, response }
      const isShort = Buffer.byteLength(storedText(stored)) <= storedBytesMax
      return isShort && (await ports.responses.keep(stored, keep.isAsked))
    },
  })
  if (generate === false && ports.responses.isLocal) {
    if (admitted(ports, exchange, chat.model) === null) return null
    ports.limiter.leave(key) // nobody works for it
    warmUp(ports, keeping, { id, request: rest, model: chat.model })
    return null
  }
  const longer = withRequest(chat, { ...rest, ...sealing, input, store: false })
  return { exchange: { ...exchange, reply: keeping }, chat: longer }
}

function withRequest(chat: ChatAsked, parsed: JsonObject): ChatAsked {
  const body = Buffer.from(exactJson(parsed))
  return { ...chat, outline: parsed, whole: () => parsed, modelAt: null, body }
}

/**
 * What is asked of a model that is told to think; null where the caller asks for the same. Others
 * refuse it, and a member that says nothing tells nobody to think.
 */
function askedSealed({ reasoning, include }: JsonObject): JsonObject | null {
  const included = listOf(include)
  const isTold = Object.values(objectOf(reasoning)).some(isThere)
  if (!isTold || included.includes(sealsIncluded)) return null
  return { include: [...included, sealsIncluded] }
}

/** What is kept here stands for itself: what a Provider holds, nobody here could say again. */
function heldElsewhere(outline: JsonObject, { previousId }: Keep): Refusal | null {
  const { previous_response_id: previous, conversation } = outline
  if (isThere(previous) && previousId === null) return notFound(String(previous))
  if (!isThere(conversation)) return null
  const message =
    'conversation: a response that is kept here goes on from none: go on by ' +
    'previous_response_id, or ask with `store: false`'
  return { status: 400, code: 'unsupported', message, param: 'conversation' }
}

function notFound(id: string): Refusal {
  const message = `Previous response with id '${id.slice(0, 80)}' not found.`
  const code = 'previous_response_not_found'
  return { status: 400, code, message, param: 'previous_response_id' }
}

interface LeanedOn {
  readonly previous: StoredResponse | null
  /** For each item of the input what it names; null for what it says itself. */
  readonly named: readonly (JsonObject | null)[]
}

/** What a request goes on from, or why it cannot. */
async function leanedOn(
  { responses }: FacePorts,
  { key }: Exchange,
  { keep: { previousId }, input }: { readonly keep: Keep; readonly input: unknown },
): Promise<LeanedOn | Refusal> {
  const load = async (id: string) => {
    const found = await responses.load({ project: key.project, id })
    const isAllowed = key.routes === undefined || key.routes.includes(found?.route ?? '')
    return isAllowed ? found : null
  }
  try {
    const previous = previousId === null ? null : await load(previousId)
    if (previousId !== null && previous === null) return notFound(previousId)
    const referred = await itemsNamed(input, load)
    if (referred.kind === 'found') return { previous, named: referred.items }
    const message = `Item with id '${referred.id}' not found.`
    return { status: 400, code: 'item_not_found', message, param: 'input' }
  } catch {
    const message = 'the control plane, which keeps responses, is away: say the whole input again'
    return { status: 503, code: 'responses_away', message, retryAfterS: 1 }
  }
}

/** An input with what it names said: as it is kept, and as a target can read it. */
function saidInput(input: unknown, named: LeanedOn['named']) {
  if (named.every((item) => item === null)) return { whole: input, sayable: input }
  const own = listOf(input)
  return {
    whole: own.map((item, i) => named[i] ?? item),
    sayable: own.flatMap((item, i) => {
      const said = named[i] ?? null
      return said === null ? [item] : sayableItems([said])
    }),
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
