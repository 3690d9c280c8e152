// Answer events
//
// A whole answer as the events of a stream, and the events of a whole stream as an answer: what was kept in one form
// is given again in the other.

import { CallOrder } from './call-order.ts'
import {
  type ChatAnswer,
  type ChatEvent,
  type Citation,
  grownUsage,
  noUsage,
  type Part,
  type ToolCall,
} from './chat.ts'
import { CitedText, withCitations } from './cited-text.ts'
import { ownSignature } from './signature.ts'

export function eventsOfAnswer(answer: ChatAnswer): readonly ChatEvent[] {
  const events: ChatEvent[] = [{ kind: 'start', id: answer.id, model: answer.model }]
  for (const [index, part] of answer.parts.entries()) {
    for (const event of eventsOfPart(part, index)) events.push(event) // there may be very many
  }
  const { stop, sequence, lost } = answer
  if (lost !== undefined) events.push({ kind: 'other', lost })
  const told = sequence === undefined ? {} : { sequence }
  events.push({ kind: 'stop', choice: 0, stop, ...told })
  events.push({ kind: 'usage', usage: answer.usage }, { kind: 'end' })
  return events
}

function eventsOfPart(part: Part, index: number): ChatEvent[] {
  switch (part.kind) {
    case 'text': {
      const { citations = [], ...said } = part
      const text: ChatEvent = { choice: 0, ...said }
      if (citations.length === 0) return [text]
      const cited = citations.map((citation): ChatEvent => {
        return { kind: 'citation', of: 'block', citation }
      })
      return [{ kind: 'block-end' }, text, ...cited, { kind: 'block-end' }]
    }
    case 'thinking': {
      const { text, signature } = part
      const signed: ChatEvent[] =
        signature === undefined ? [] : [{ kind: 'signature', text: signature }]
      return [{ kind: 'thinking', text }, ...signed]
    }
    case 'tool-call': {
      const { id, name } = part
      return [
        { kind: 'tool-start', index, id, name },
        { kind: 'tool-arguments', index, text: part.arguments },
      ]
    }
    case 'image':
      return [{ kind: 'image', source: part.source }]
    case 'document':
    case 'audio':
    case 'tool-result':
      return [] // no model answers with it
  }
}

/** Null for streams of several choices: an answer has one. */
export function answerOfEvents(events: readonly ChatEvent[]): ChatAnswer | null {
  const parts: Part[] = []
  const calls = new Map<number, number>() // where in `parts`, by the dialect's index
  let answer: Omit<ChatAnswer, 'parts'> = { id: '', model: '', stop: 'stop', usage: noUsage }
  const begin = events.find(({ kind }) => kind === 'start')
  const order = new CallOrder(begin?.kind === 'start' ? begin.id : '')
  const cited = new CitedText()
  const citations: Citation[] = []
  let isApart = false // a block has ended: what follows is another part
  const ordered = [...events, { kind: 'end' } as const].flatMap((one) => order.take(one))
  for (const event of ordered.flatMap((one) => cited.take(one))) {
    if ('choice' in event && event.choice !== 0) return null
    if (event.kind === 'start') {
      answer = { ...answer, id: answer.id || event.id, model: answer.model || event.model }
    } else if (event.kind === 'stop') {
      const { kind: _, choice: __, ...stopped } = event
      answer = { ...answer, ...stopped }
    } else if (event.kind === 'other') answer = { ...lostIn(event), ...answer }
    else if (event.kind === 'usage') {
      answer = { ...answer, usage: grownUsage(answer.usage, event.usage) }
    } else if (event.kind === 'tool-start') {
      calls.set(event.index, parts.length)
      parts.push(callOf(event))
    } else if (event.kind === 'image') parts.push({ kind: 'image', source: event.source })
    else if (event.kind === 'citation') citations.push(event.citation)
    else addText(parts, event, { calls, isApart })
    isApart = event.kind === 'block-end' || (isApart && !('text' in event && event.text !== ''))
  }
  return { ...answer, parts: withCitations(parts, citations) }
}

function lostIn({ lost }: Extract<ChatEvent, { kind: 'other' }>): Pick<ChatAnswer, 'lost'> {
  return lost === undefined ? {} : { lost }
}

function callOf({ id, name }: Extract<ChatEvent, { kind: 'tool-start' }>): ToolCall {
  return { kind: 'tool-call', id, name, arguments: '' }
}

function addText(
  parts: Part[],
  event: ChatEvent,
  { calls, isApart }: { readonly calls: ReadonlyMap<number, number>; readonly isApart: boolean },
): void {
  const last = parts.at(-1)
  if (event.kind === 'text' || event.kind === 'thinking') {
    const { kind, text } = event
    const more = isRefusal(event) ? { isRefusal: true as const } : {}
    const isKind = last?.kind === kind && isRefusal(last) === isRefusal(event)
    const isSame = isKind && !isSigned(last) && !isApart
    if (isSame) parts[parts.length - 1] = { ...last, text: last.text + text }
    else if (text !== '') parts.push(kind === 'text' ? { kind, text, ...more } : { kind, text })
  } else if (event.kind === 'signature') {
    const thought = { kind: 'thinking', text: '', signature: event.text } as const
    const isOwn = ownSignature('redacted', event.text) !== null
    if (last?.kind !== 'thinking' || isSigned(last) || isOwn) parts.push(thought)
    else parts[parts.length - 1] = { ...thought, text: last.text }
  } else if (event.kind === 'tool-arguments') {
    const place = calls.get(event.index) ?? parts.length - 1
    const call = parts[place]
    if (call?.kind !== 'tool-call') return
    parts[place] = { ...call, arguments: call.arguments + event.text }
  }
}

function isSigned(part: Part): boolean {
  return part.kind === 'thinking' && part.signature !== undefined
}

/** True for what a model says instead of an answer. */
export function isRefusal(of: Part | ChatEvent): boolean {
  return of.kind === 'text' && of.isRefusal === true
}
