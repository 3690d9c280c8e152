// Kept call
//
// What is kept of one call of a Route that keeps bodies, as far as it has come: what was let through to the targets,
// and what they said, both with the placeholders of the guard in them.

import {
  answerOfEvents,
  type ChatEvent,
  grownUsage,
  noUsage,
  type Usage,
  writeAnswer,
} from '@tutti/core/dialect'
import type { GuardSide } from '@tutti/core/governance'
import { exactJson } from '@tutti/core/resource'
import type { RouteEntry } from '../routing/index.ts'
import type { ChatAsked } from './chat-body.ts'

type TextEvent = Extract<ChatEvent, { text: string }>

// Of a streamed answer; what comes after it is not kept.
const charactersMax = 2 ** 20

// What an event takes beside its text, some 100 bytes.
const eventCharacters = 50

/** What the keeper of bodies needs of a call. */
export interface Kept {
  readonly route: RouteEntry
  /** That it holds until it is told. */
  readonly bytes: number
  /** As JSON whose texts are looked through. */
  readonly input: string
  /** The same of the answer, and whether there was more of it; null where none came. */
  readonly output: (createdS: number) => { readonly json: string; readonly isCut: boolean } | null
  /** What is kept of a side, by what was left of its texts. */
  readonly shown: (side: GuardSide, redacted: string) => string
}

export class KeptCall implements Kept {
  readonly route: RouteEntry
  /** Written by `ask`. */
  #chat: ChatAsked
  /** A whole answer in the caller's dialect; written by `answer`. */
  #whole: Buffer | null = null
  /** Of a streamed answer, texts that follow each other as one; written by `#hold`. */
  readonly #events: ChatEvent[] = []
  /** Written by `take`: it may come with each piece of a text. */
  #usage: Usage = noUsage
  /** Written by `#hold` and `#append`. */
  #characters = 0
  /** Written by `take`, as `#isStopped` is: some upstreams begin with each piece anew. */
  #isStarted = false
  #isStopped = false

  constructor(route: RouteEntry, chat: ChatAsked) {
    this.route = route
    this.#chat = chat
  }

  get bytes(): number {
    return this.#chat.body.length + (this.#whole?.length ?? 0) + 2 * this.#characters
  }

  get input(): string {
    return this.#chat.body.toString('utf8')
  }

  shown(_: GuardSide, redacted: string): string {
    return redacted
  }

  /** What a guard let pass instead of what was asked. */
  ask(chat: ChatAsked): void {
    this.#chat = chat
  }

  answer(whole: Buffer): void {
    this.#whole = whole
  }

  /** What is new in a stream; of several choices the first. */
  take(events: readonly ChatEvent[]): void {
    for (const event of events) {
      if ('choice' in event && event.choice !== 0) continue
      if (event.kind === 'usage') this.#usage = grownUsage(this.#usage, event.usage)
      else if (this.#isNew(event)) this.#hold(event)
      if (event.kind === 'start') this.#isStarted = true
      if (event.kind === 'stop') this.#isStopped = true
    }
  }

  /** False for images, too: what is kept are texts that every dialect has. */
  #isNew({ kind }: ChatEvent): boolean {
    return kind !== 'image' && kind !== 'other-text' && !(kind === 'start' && this.#isStarted)
  }

  /** However much there was, why it stopped is kept. */
  #hold(event: ChatEvent): void {
    if ('text' in event) {
      if (this.#characters <= charactersMax) this.#append(event)
      return
    }
    this.#characters += eventCharacters + JSON.stringify(event).length
    const isEnd = event.kind === 'stop' && !this.#isStopped
    if (isEnd || this.#characters <= charactersMax) this.#events.push(event)
  }

  #append(event: TextEvent): void {
    const last = this.#events.at(-1)
    this.#characters += event.text.length
    if (last !== undefined && 'text' in last && isOneText(last, event)) {
      this.#events[this.#events.length - 1] = { ...last, text: last.text + event.text }
      return
    }
    this.#characters += eventCharacters
    this.#events.push(event)
  }

  /** The answer, and whether there was more of it; null where none came. */
  output(createdS: number): { readonly json: string; readonly isCut: boolean } | null {
    if (this.#whole !== null) return { json: this.#whole.toString('utf8'), isCut: false }
    if (this.#events.length === 0) return null
    const answer = answerOfEvents(this.#events)
    if (answer === null) return null
    const { dialect, whole } = this.#chat
    const used = { ...answer, usage: this.#usage }
    const json = exactJson(writeAnswer(dialect, used, { request: whole(), createdS }))
    return { json, isCut: !this.#isStopped || this.#characters > charactersMax }
  }
}

/** Each signature is one of its own; arguments are of one call, and a refusal is no answer. */
function isOneText(last: TextEvent, event: TextEvent): boolean {
  if (last.kind === 'tool-arguments' && event.kind === 'tool-arguments') {
    return last.index === event.index
  }
  if (last.kind === 'text' && event.kind === 'text') return last.isRefusal === event.isRefusal
  return last.kind === event.kind && event.kind !== 'signature'
}
