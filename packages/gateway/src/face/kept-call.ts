// Kept call
//
// What is kept of one call of a Route that keeps bodies, as far as it has come: what was let through to the targets,
// and what they said, both with the placeholders of the guard in them.

import { answerOfEvents, type ChatEvent, writeAnswer } from '@tutti/core/dialect'
import type { GuardSide } from '@tutti/core/governance'
import type { RouteEntry } from '../routing/index.ts'
import type { ChatAsked } from './chat-body.ts'

type TextEvent = Extract<ChatEvent, { text: string }>

// Of a streamed answer; what comes after it is not kept.
const charactersMax = 2 ** 20

// What several of them say does not make one text.
const apart: readonly ChatEvent['kind'][] = ['tool-arguments', 'signature']

/** True for what may be many and without which the rest is whole. */
function isBeside({ kind }: ChatEvent): boolean {
  return kind === 'citation' || kind === 'block-end'
}

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
  /** Of a streamed answer, texts that follow each other as one; written by `take`. */
  readonly #events: ChatEvent[] = []
  #characters = 0
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
      if (event.kind === 'image') continue // what is kept are texts
      if (event.kind === 'stop') this.#isStopped = true
      if (event.kind === 'citation') this.#characters += JSON.stringify(event).length
      if (!('text' in event)) {
        if (this.#characters <= charactersMax || !isBeside(event)) this.#events.push(event)
      } else if (this.#characters <= charactersMax) {
        this.#characters += event.text.length
        this.#append(event)
      }
    }
  }

  #append(event: TextEvent): void {
    const last = this.#events.at(-1)
    const isSame = last?.kind === event.kind && !apart.includes(event.kind)
    if (!isSame || !('text' in last)) return void this.#events.push(event)
    this.#events[this.#events.length - 1] = { ...last, text: last.text + event.text }
  }

  /** The answer, and whether there was more of it; null where none came. */
  output(createdS: number): { readonly json: string; readonly isCut: boolean } | null {
    if (this.#whole !== null) return { json: this.#whole.toString('utf8'), isCut: false }
    if (this.#events.length === 0) return null
    const answer = answerOfEvents(this.#events)
    if (answer === null) return null
    const { dialect, whole } = this.#chat
    const json = JSON.stringify(writeAnswer(dialect, answer, { request: whole(), createdS }))
    return { json, isCut: !this.#isStopped || this.#characters > charactersMax }
  }
}
