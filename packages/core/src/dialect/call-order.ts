// Call order
//
// The calls of tools in a stream, one after the other and each with an id. An upstream may write several calls in turns,
// and Gemini names none of them; a dialect whose parts follow each other can say neither.
//
// Invariants:
//   O1. What belongs to a call comes before whatever follows it: what comes in between waits until the call's arguments
//       are whole, or the stream stops. In a stream whose calls follow each other nothing waits.
//   O2. Every call has an id of its own, in all of a conversation, so that results find theirs.
//      What comes costs the same however much waits, and there is a bound to that.
//   O3. A call is one however often its engine says its name, or all of it: some say the name with each piece of the
//       arguments.
//   O4. What a provider runs by itself is no call: whoever took it for one would answer it.

import { type ChatEvent, notAnObject } from './chat.ts'
import { isObject, jsonOf } from './json.ts'
import { ObjectEnd } from './object-end.ts'

/** What stands in an answer, in the order in which it is said. */
type Said = Extract<ChatEvent, { kind: SaidKind }>
type SaidKind =
  | 'text'
  | 'citation'
  | 'block-end'
  | 'thinking'
  | 'signature'
  | 'image'
  | 'tool-start'
  | 'tool-arguments'

type ToolStart = Extract<Said, { kind: 'tool-start' }>

interface OpenCall {
  /** As the upstream counts; -1 where it does not. */
  readonly index: number
  /** As we count. */
  readonly place: number
  readonly name: string
  text: string
  /** Tells when the text is worth reading as an object: once. */
  readonly end: ObjectEnd
  /** That it was read, and is one: nothing follows it but what begins another one. */
  isWhole: boolean
}

// More than any answer has: what waits is held, and looked at again with each call that ends.
const callsMax = 2_000
const tooMany = `more than ${callsMax} calls`
const waitingMax = 100_000
const waitingCharactersMax = 32 * 2 ** 20

/** Lives as long as one stream. */
export class CallOrder {
  readonly #answerId: string
  /** The last call that was passed on; null where it is over. */
  #open: OpenCall | null = null
  #count = 0
  /** The id of the last call of each index of the upstream's; written by `#start`. */
  readonly #known = new Map<number, string>()
  #waiting: Said[] = []
  /** Of all that ever waited; written by `#wait`. */
  #waitingCharacters = 0
  /** Of the upstream's indexes those whose arguments are of no call (O4); written by `take`. */
  readonly #others = new Set<number>()
  /** Of the first call whose arguments are no object; written by `#endOpen`. */
  #notObject: string | null = null
  /** Why the calls cannot be told apart; null where they can. Written by `#passArguments`. */
  wrong: string | null = null

  constructor(answerId: string) {
    this.#answerId = answerId
  }

  /** Of what came so far: a call whose arguments are no object; null where there is none. */
  get notObject(): string | null {
    const open = this.#open
    const isTold = open === null || open.isWhole || open.text.trim() === ''
    return this.#notObject ?? (isTold ? null : notAnObject(open))
  }

  /** The events that may go on; their calls are counted from 0. */
  take(event: ChatEvent): readonly ChatEvent[] {
    switch (event.kind) {
      case 'start':
      case 'usage':
      case 'other-text':
        return [event]
      case 'other':
        if (event.index !== undefined) this.#takeOther(event.index)
        return [event]
      case 'tool-start':
        this.#others.delete(event.index)
        return this.#takeSaid(event)
      case 'tool-arguments':
        return this.#others.has(event.index) ? [] : this.#takeSaid(event)
      case 'stop':
      case 'end':
      case 'error':
        return [...this.#drain('all'), event]
      default:
        return this.#takeSaid(event)
    }
  }

  #takeOther(index: number): void {
    if (this.#others.size < callsMax) this.#others.add(index)
    else this.wrong ??= tooMany
  }

  /** What waits goes on only where the open call has come to its end. */
  #takeSaid(event: Said): readonly ChatEvent[] {
    const isOfOpen = this.#isOfOpen(event)
    if (this.#waiting.length > 0 && !isOfOpen) {
      this.#wait(event)
      return []
    }
    if (this.#waiting.length === 0 || !isOfOpen) {
      this.#waiting.push(event)
      return this.#drain('whole')
    }
    const passed = this.#pass(event)
    return this.#isOver() ? [...passed, ...this.#drain('whole')] : passed
  }

  #wait(event: Said): void {
    if ('text' in event) this.#waitingCharacters += event.text.length
    const isTooMuch = this.#waitingCharacters > waitingCharactersMax
    if (this.#waiting.length < waitingMax && !isTooMuch) this.#waiting.push(event)
    else this.wrong ??= 'too much comes beside a call that does not end'
  }

  /** What waits, as far as calls are `whole`; or `all` of it, as where a call was cut. */
  #drain(until: 'whole' | 'all'): ChatEvent[] {
    const passed: ChatEvent[] = []
    for (;;) {
      const queue = this.#waiting
      this.#waiting = []
      for (const event of queue) {
        const isNext = this.#isOfOpen(event) || (this.#waiting.length === 0 && this.#isOver())
        if (isNext) passed.push(...this.#pass(event))
        else this.#waiting.push(event) // O1
      }
      if (this.#waiting.length === 0) return passed
      if (until === 'all') this.#endOpen()
      else if (!this.#isOver()) return passed
    }
  }

  #isOfOpen(event: Said): boolean {
    if (event.kind === 'tool-start') return this.#isRepeated(event)
    return event.kind === 'tool-arguments' && event.index === this.#open?.index
  }

  /** O3. Where several calls have one number, a new one has another id, or the last is whole. */
  #isRepeated({ index, id }: ToolStart): boolean {
    if (index < 0) return false
    if (id !== '') return this.#known.get(index) === id
    return this.#open?.index === index && !this.#isOver()
  }

  #isOver(): boolean {
    if (this.#open?.isWhole === true) this.#open = null
    return this.#open === null
  }

  #endOpen(): void {
    this.#notObject = this.notObject
    this.#open = null
  }

  #pass(event: Said): readonly ChatEvent[] {
    switch (event.kind) {
      case 'tool-start':
        return this.#isRepeated(event) ? [] : this.#start(event)
      case 'tool-arguments':
        return this.#passArguments(event)
      default:
        return [event]
    }
  }

  #start(event: ToolStart): readonly ChatEvent[] {
    const { index, id } = event
    const place = this.#count
    this.#count += 1
    if (this.#count > callsMax) this.wrong ??= tooMany
    if (this.wrong !== null) return []
    this.#known.set(index, id)
    this.#endOpen()
    this.#open = { index, name: event.name, place, text: '', end: new ObjectEnd(), isWhole: false }
    return [{ ...event, index: place, id: id || callId(this.#answerId, place) }]
  }

  #passArguments(event: Extract<Said, { kind: 'tool-arguments' }>): readonly ChatEvent[] {
    if (this.#open !== null) {
      if (this.#open.isWhole && event.text.trimStart().startsWith('{')) {
        // Some engines say the whole again at the end.
        if (event.text.trim() !== this.#open.text.trim())
          this.wrong ??= notAnObject({ name: 'a tool' })
        return []
      }
      this.#open.text += event.text
      if (this.#open.end.take(event.text)) {
        this.#open.isWhole = isObject(jsonOf(this.#open.text))
      } else if (event.text.trim() !== '') this.#open.isWhole = false
      return [{ ...event, index: this.#open.place }]
    }
    // The call was whole before.
    if (event.text.trim() !== '') this.wrong ??= notAnObject({ name: 'a tool' })
    return []
  }
}

/** O2: for a call that its upstream gives none. */
export function callId(answerId: string, place: number): string {
  const name = answerId.replaceAll(/[^\w-]/g, '').slice(-24) // OpenAI takes 40 characters
  return name === '' ? `call_${place}` : `call_${name}_${place}`
}
