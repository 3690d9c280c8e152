// Kept answer
//
// An answer as the cache holds it, and the same answer for a caller who asks for it whole or as a stream, in whatever
// dialect: as its bytes came where that is what is asked for, else written anew.

import {
  answerOfEvents,
  type ChatEvent,
  eventsOfAnswer,
  objectOf,
  readAnswer,
  StreamProgress,
  whyUnsaid,
  writeAnswer,
} from '@tutti/core/dialect'
import { exactJson } from '@tutti/core/resource'
import type {
  Candidate,
  EventSource,
  ReadEvent,
  StreamAttempt,
  StreamTurn,
  WholeAttempt,
} from '../routing/index.ts'
import type { ChatAsked } from './chat-body.ts'

export type KeptForm =
  | { readonly kind: 'whole'; readonly body: Buffer; readonly parsed: unknown }
  | { readonly kind: 'stream'; readonly events: readonly ReadEvent[] }

/** Who gave it, and what he gave. */
export interface KeptAnswer {
  readonly form: KeptForm
  readonly headers: WholeAttempt['headers']
  readonly candidate: Candidate
}

export interface Replay {
  readonly outcome: WholeAttempt | StreamAttempt
  readonly candidate: Candidate
}

/** Null where it cannot be given in this form. */
export function replayOf(
  { form, headers, candidate }: KeptAnswer,
  chat: ChatAsked,
  { requestId, nowMs }: { readonly requestId: string; readonly nowMs: number },
): Replay | null {
  const { provider } = candidate
  if (form.kind === 'whole') {
    if (!chat.stream) return { outcome: whole(form, headers), candidate }
    if (provider === null) return null
    const read = readAnswer(provider.dialect, objectOf(form.parsed))
    if (whyUnsaid(chat.dialect, read) !== null) return null
    const events = eventsOfAnswer(read)
    // Without a Provider's dialect the events are written anew in the caller's.
    const rewritten = { ...candidate, provider: null }
    return { outcome: stream([{ raw: nothing, events }], eventHeaders), candidate: rewritten }
  }
  if (chat.stream) return { outcome: stream(form.events, headers), candidate }
  const answer = answerOfEvents(form.events.flatMap(({ events }) => events))
  if (answer === null || provider === null) return null
  if (whyUnsaid(chat.dialect, answer) !== null) return null
  const about = { request: chat.whole(), createdS: Math.floor(nowMs / 1_000) }
  const named = { ...answer, id: answer.id || requestId, model: answer.model || chat.model }
  const parsed = writeAnswer(chat.dialect, named, about)
  const body = Buffer.from(exactJson(parsed))
  const jsonHeaders = { 'content-type': 'application/json' }
  const own = { ...candidate, provider: { ...provider, dialect: chat.dialect } }
  return { outcome: whole({ body, parsed }, jsonHeaders), candidate: own }
}

const nothing = Buffer.alloc(0)
const eventHeaders = { 'content-type': 'text/event-stream' }

function whole(
  { body, parsed }: { readonly body: Buffer; readonly parsed: unknown },
  headers: WholeAttempt['headers'],
): WholeAttempt {
  return { kind: 'whole', status: 200, headers, body, usage: null, parsed }
}

function stream(events: readonly ReadEvent[], headers: WholeAttempt['headers']): StreamAttempt {
  const progress = new StreamProgress()
  for (const event of events.flatMap((one) => one.events)) {
    if (event.kind === 'start') progress.take(event) // its names; the rest is still to come
  }
  return { kind: 'stream', status: 200, headers, stream: replayed(events), progress }
}

function replayed(events: readonly ReadEvent[]): EventSource {
  let next = 0 // written by `next`
  return {
    next: (): StreamTurn => {
      const event = events[next]
      next += 1
      return event === undefined ? { kind: 'end' } : { kind: 'event', event }
    },
    cancel: () => {
      next = events.length
    },
  }
}

/** True for an answer that came to its own end: one that was cut at a length is not given again. */
export function isOwnEnd(events: readonly ChatEvent[]): boolean {
  const stops = events.flatMap((event) => (event.kind === 'stop' ? [event.stop] : []))
  const cut = ['length', 'content-filter', 'other']
  return stops.length > 0 && !stops.some((stop) => cut.includes(stop))
}
