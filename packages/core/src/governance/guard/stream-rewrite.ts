// Stream rewrite
//
// The texts of a streamed answer as they pass: each event goes on once all of its text is decided, in order, as it
// came where nothing in it is replaced.
//
// Invariants:
//   T1. However an answer is cut into events, the texts that go on are those that the whole answer gives.
//   T2. An event in which nothing is replaced goes on as it came.
//   T3. Events keep their order.
//   T4. What follows a call or a thought may go on with the text before it, whose end is with the caller by then: the
//       rest of what is found across it is taken out.
//   T5. What an event costs does not grow with how many texts came before it.

import { type ChatEvent, jsonOf, objectOf } from '../../dialect/index.ts'
import { type AnswerRewrite, beginsAsJson, JsonPlace } from './inspect.ts'
import { type Scanned, TextScan } from './text-scan.ts'

/** An event that may go on; `events` are new ones where something was replaced. */
export interface Released<Held> {
  readonly held: Held
  readonly events: readonly ChatEvent[]
  /** What each text of it was and is now, in order; empty where nothing was replaced. */
  readonly changes: readonly TextChange[]
}

export interface TextChange {
  readonly before: string
  readonly after: string
}

/** Which of an answer's texts a piece is of. */
interface Place {
  readonly kind: 'text' | 'thinking' | 'tool-arguments' | 'other-text'
  readonly choice: number
  readonly name: string
}

interface Piece {
  readonly channel: Channel
  readonly start: number
  readonly end: number
  readonly text: string
}

interface Waiting<Held> {
  readonly held: Held
  readonly events: readonly ChatEvent[]
  /** For each event that says text, where; null for others. */
  readonly pieces: readonly (Piece | null)[]
}

interface Edit {
  readonly start: number
  readonly end: number
  readonly text: string
  /** Whose finding it is, where it has to fit into JSON; null where it is text in any case. */
  readonly detector: string | null
}

/** Lives as long as one stream; `Held` is what its events came in. */
export class StreamRewrite<Held> {
  readonly #rewrite: AnswerRewrite
  /** By name, written by `push`; the texts of an answer, of its choices and of its tools. */
  readonly #channels = new Map<string, Channel>()
  /** By choice, those of which something is not decided; written by `#take` and `#end` (T5). */
  readonly #open = new Map<number, Map<Channel, Place['kind']>>()
  readonly #waiting: Waiting<Held>[] = []
  /** Characters of the answer's text so far: neither of thoughts nor of calls. */
  length = 0

  constructor(rewrite: AnswerRewrite) {
    this.#rewrite = rewrite
  }

  /** How many texts there are. */
  get texts(): number {
    return this.#channels.size
  }

  push(held: Held, events: readonly ChatEvent[]): readonly Released<Held>[] {
    const pieces = events.map((event) => this.#take(event))
    const others = events.map((event) => this.#cited(event))
    this.#waiting.push({ held, events: others, pieces })
    return this.#release()
  }

  /** Nothing more comes. */
  end(): readonly Released<Held>[] {
    this.#endAll()
    return this.#release()
  }

  /** What a source says comes whole; the frame that it came in is rewritten by `rewriteFrame`. */
  #cited(event: ChatEvent): ChatEvent {
    if (event.kind !== 'citation') return event
    const { title, quote } = event.citation
    const said = this.#rewrite.document(JSON.stringify({ title, quote }))
    return { ...event, citation: { ...event.citation, ...objectOf(jsonOf(said)) } }
  }

  #take(event: ChatEvent): Piece | null {
    if (event.kind === 'end') this.#endAll()
    if (event.kind === 'stop') this.#endChoice(event.choice)
    const place = placeOf(event)
    if (place === null || !('text' in event)) return null
    if (event.text !== '') this.#pauseBeside(place)
    const channel = this.#channels.get(place.name) ?? new Channel(this.#rewrite)
    this.#channels.set(place.name, channel)
    const piece = channel.push(event.text)
    if (place.kind === 'text') this.length += event.text.length
    const open = this.#open.get(place.choice) ?? new Map<Channel, Place['kind']>()
    if (channel.decided < channel.length)
      this.#open.set(place.choice, open.set(channel, place.kind))
    else open.delete(channel)
    return piece
  }

  /**
   * A text goes on at once where one of another kind begins; those of several choices, and of
   * several calls, come side by side.
   */
  #pauseBeside({ kind, choice }: Place): void {
    const open = this.#open.get(choice)
    if (open === undefined) return
    for (const [channel, other] of open) {
      if (other === kind) continue
      channel.pause()
      open.delete(channel)
    }
  }

  /** Other choices go on. */
  #endChoice(choice: number): void {
    for (const channel of this.#open.get(choice)?.keys() ?? []) channel.end()
    this.#open.delete(choice)
  }

  #endAll(): void {
    for (const choice of this.#open.keys()) this.#endChoice(choice)
  }

  #release(): readonly Released<Held>[] {
    const released: Released<Held>[] = []
    for (const { held, events, pieces } of this.#waiting) {
      if (pieces.some((piece) => piece !== null && piece.channel.decided < piece.end)) break // T3
      const texts = pieces.map((piece) => piece?.channel.release(piece) ?? null)
      released.push({ held, ...changed(events, texts) })
    }
    if (released.length > 0) this.#waiting.splice(0, released.length)
    return released
  }
}

/** Null for what says no text that comes in pieces. */
function placeOf(event: ChatEvent): Place | null {
  switch (event.kind) {
    case 'text':
    case 'thinking': {
      const { kind, choice = 0 } = event
      return { kind, choice, name: `${kind} ${choice}` }
    }
    case 'tool-arguments': {
      const { kind, choice = 0, index } = event
      return { kind, choice, name: `${kind} ${choice} ${index}` }
    }
    case 'other-text': {
      const { kind, choice, of } = event
      return { kind, choice, name: `${kind} ${choice} ${of}` }
    }
    default:
      return null
  }
}

/** T2: the very same events where every text stays; else what each text became. */
function changed(
  events: readonly ChatEvent[],
  texts: readonly (string | null)[],
): Pick<Released<unknown>, 'events' | 'changes'> {
  if (texts.every((text) => text === null)) return { events, changes: [] }
  const changes: TextChange[] = []
  const others = events.map((event, i) => {
    if (!('text' in event)) return event
    const after = texts[i] ?? event.text
    changes.push({ before: event.text, after })
    return after === event.text ? event : { ...event, text: after }
  })
  return { events: others, changes }
}

/** One text of an answer. */
class Channel {
  readonly #rewrite: AnswerRewrite
  /** Of what came after the last pause; written by `pause`. */
  #scan: TextScan
  /** T4: of what came before it, too, while something may go on across it. */
  #across: { readonly scan: TextScan; readonly place: number } | null = null
  /** Null until anything but blanks has come. */
  #isJson: boolean | null = null
  /** In order, those from `#next` on not yet passed; written by `#takeIn` and `#takeAcross`. */
  readonly #edits: Edit[] = []
  #next = 0
  /** At the end of what is released; written by `release`. */
  readonly #place = new JsonPlace()
  decided = 0
  length = 0

  constructor(rewrite: AnswerRewrite) {
    this.#rewrite = rewrite
    this.#scan = new TextScan(rewrite.detectors)
  }

  push(text: string): Piece {
    const start = this.length
    if (this.#isJson === null && text.trim() !== '') this.#isJson = beginsAsJson(text)
    this.length += text.length
    this.#takeIn(this.#scan.push(text))
    this.#takeAcross((scan) => scan.push(text))
    return { channel: this, start, end: this.length, text }
  }

  end(): void {
    if (this.decided === this.length) return
    this.#takeIn(this.#scan.end())
    this.#takeAcross((scan) => scan.end())
  }

  /** What there is goes on as if it were all, and may yet be the beginning of what follows (T4). */
  pause(): void {
    if (this.decided === this.length) return
    const { length: place } = this
    const { scan } = this.#across ?? { scan: this.#scan }
    this.#takeIn(this.#scan.ended())
    this.#takeAcross((across) => across.ended())
    this.#across = { scan, place }
    this.#scan = new TextScan(this.#rewrite.detectors, place)
    this.decided = place
  }

  /**
   * What goes on of a piece, null where it is the very same; pieces are released in order. What
   * replaces something stands where that began.
   */
  release({ start, end, text }: Piece): string | null {
    let [after, at, looked] = ['', start, start]
    for (let edit = this.#edits[this.#next]; edit !== undefined; edit = this.#edits[this.#next]) {
      if (edit.start >= end) break
      if (edit.start >= start) {
        this.#look(text.slice(looked - start, edit.start - start))
        looked = edit.start
        after += text.slice(at - start, edit.start - start) + this.#fitting(edit)
      }
      at = Math.min(edit.end, end)
      if (edit.end > end) break
      this.#next += 1
    }
    this.#look(text.slice(looked - start))
    this.#forget()
    return at === start ? null : after + text.slice(at - start)
  }

  #look(text: string): void {
    if (this.#isJson === true) this.#place.take(text)
  }

  #fitting({ text, detector }: Edit): string {
    return this.#isJson === true && detector !== null
      ? this.#place.fitting({ detector }, text)
      : text
  }

  /** Those that are passed; seldom, for what is behind them moves. */
  #forget(): void {
    if (this.#next < 1_000 && this.#next < this.#edits.length) return
    this.#edits.splice(0, this.#next)
    this.#next = 0
  }

  #takeIn({ findings, values, decided }: Scanned): void {
    for (const [i, finding] of findings.entries()) {
      const text = this.#rewrite.replacement(finding, values[i] ?? '', this.#isJson ?? false)
      if (text !== null)
        this.#edits.push({
          start: finding.start,
          end: finding.end,
          text,
          detector: finding.detector,
        })
    }
    this.decided = decided
  }

  /** T4: of what began before the pause, what came after it. */
  #takeAcross(looked: (scan: TextScan) => Scanned): void {
    if (this.#across === null) return
    const { scan, place } = this.#across
    const { findings, decided } = looked(scan)
    for (const finding of findings) {
      const { start, end, detector } = finding
      if (start >= place || end <= place || detector === 'placeholder') continue
      const text = this.#rewrite.replacement(finding, '', false)
      if (text === null) continue
      let first = this.#edits.length
      while (first > this.#next && (this.#edits[first - 1]?.end ?? 0) > place) first -= 1
      const after = this.#edits.splice(first)
      const within = after.filter((edit) => edit.start < end)
      const last = Math.max(end, within.at(-1)?.end ?? 0)
      this.#edits.push({ start: place, end: last, text, detector: null })
      this.#edits.push(...after.slice(within.length))
    }
    if (decided >= place) this.#across = null
    else this.decided = place
  }
}
