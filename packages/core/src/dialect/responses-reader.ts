// Responses reader
//
// What the events of a streamed response say, which say each text many times: in pieces, where its pieces end, where its
// part and its item end, and in the response at the end. Some engines leave out any of these.
//
// Invariants:
//   E1. What was told is not told again.
//   E2. Of a whole text that comes, what was not told of it is: all of it where nothing was.
//   E3. What a text begins with is told before what follows, unless its pieces say the same again.
//   E4. Of more texts than any answer has nothing is told: each is compared with those before it.

import type { ChatEvent, StreamEvent } from './chat.ts'
import { countOf, isObject, type JsonObject, jsonOf, listOf, objectOf, textOf } from './json.ts'
import {
  betweenParts,
  endOfItem,
  isSaidItem,
  lostItem,
  noEvent,
  readResponses,
} from './responses-stream.ts'
import {
  type Ends,
  isTextKind,
  type Scope,
  type TextName,
  type ToldText,
  ToldTexts,
  textKinds,
  textOfPart,
  textsMax,
  textsOfItem,
  type WholeText,
} from './told-texts.ts'

/** Lives as long as one stream. */
export class ResponsesReader {
  readonly #told = new ToldTexts()
  /** The numbers of items by their ids; written by `#beginItem`. */
  readonly #places = new Map<unknown, number>()
  /** The last item that was named; written by `#placeOf`. */
  #latest = -1
  /** What a text began with, as long as its pieces may say it again (E3). */
  #given: { readonly told: ToldText; readonly text: string } | null = null
  /** Written by `read` and `#endsOf` (E4). */
  #isTooMany = false
  /** The text whose part is open; null where none is. */
  #open: ToldText | null = null
  /** Signatures and images that were told, and their items; written by `#endItem`. */
  readonly #signed = new Set<string | number>()

  /** What an event says, or what is wrong with it. */
  read({ data }: StreamEvent): readonly ChatEvent[] | string {
    const event = jsonOf(data)
    if (!isObject(event)) return noEvent(data)
    if (this.#isTooMany) return tooMany
    const out: ChatEvent[] = []
    this.#read(event, textOf(event['type']), out)
    this.#isTooMany ||= this.#told.all.length > textsMax // E4
    return this.#isTooMany ? tooMany : out
  }

  #read(event: JsonObject, type: string, out: ChatEvent[]): void {
    switch (type) {
      case 'response.output_item.added':
        return this.#beginItem(event, out)
      case 'response.output_item.done': {
        const [item, place] = [objectOf(event['item']), this.#placeOf(event)]
        const texts = textsOfItem(item, place)
        this.#end(texts, this.#endsOf(texts, 'item'), out)
        this.#tellGiven(out)
        return this.#endItem(item, place, out)
      }
      case 'response.content_part.added':
      case 'response.reasoning_summary_part.added':
        for (const text of this.#partOf(event)) this.#give(text, out)
        return
      case 'response.content_part.done':
      case 'response.reasoning_summary_part.done': {
        const texts = this.#partOf(event)
        this.#end(texts, this.#endsOf(texts, 'text'), out)
        this.#tellGiven(out)
        if (type === 'response.content_part.done') this.#open = null
        out.push(...readResponses(event))
        return
      }
      case 'response.completed':
      case 'response.incomplete':
        this.#endAll(objectOf(event['response']), out)
        out.push(...readResponses(event))
        return
      default:
        this.#readText(event, type, out)
    }
  }

  #beginItem(event: JsonObject, out: ChatEvent[]): void {
    const [item, place] = [objectOf(event['item']), this.#placeOf(event)]
    if (item['id'] !== undefined) this.#places.set(item['id'], place)
    const texts = textsOfItem(item, place)
    for (const text of texts) {
      const own = this.#told.of(text)
      const isNext = own?.hasBegun === true && (place === -1 || own.id !== text.id)
      if (text.name !== null && (own === undefined || isNext)) this.#add(text, out)
      this.#give(text, out)
    }
    if (texts.length === 0) out.push(...readResponses(event)) // what only its own dialect has
  }

  #readText(event: JsonObject, type: string, out: ChatEvent[]): void {
    const dot = type.lastIndexOf('.')
    const [kind, what] = [type.slice(0, dot), type.slice(dot + 1)]
    if (type === 'response.output_text.annotation.added') {
      const told = this.#told.of({ kind: 'response.output_text', ...this.#nameOf(event) })
      this.#tellGiven(out) // E3: it comes before what is cited of it
      if (told !== undefined) told.cited += 1
    }
    if (!isTextKind(kind) || !(what === 'delta' || what === 'done')) {
      const said = readResponses(event)
      out.push(...said)
      const isPiece = what === 'delta' && kind !== 'response.audio' // a sound is no text
      if (isPiece && said.length === 0) out.push(this.#otherText(event, kind))
    } else if (what === 'delta') {
      this.#grow({ kind, ...this.#nameOf(event) }, textOf(event['delta']), out)
    } else {
      const whole = textOf(event[textKinds[kind].member])
      const text = { kind, ...this.#nameOf(event), whole, name: null, annotations: [] }
      this.#end([text], this.#endsOf([text], 'text'), out)
    }
  }

  #otherText(event: JsonObject, kind: string): ChatEvent {
    const of = `${kind} ${this.#placeOf(event)}`
    return { kind: 'other-text', choice: 0, of, text: textOf(event['delta']) }
  }

  #nameOf(event: JsonObject) {
    const { content_index: content, summary_index: summary } = event
    return { place: this.#placeOf(event), part: countOf(content ?? summary), id: '' }
  }

  #placeOf({ output_index: own, item_id: id }: JsonObject): number {
    const place = typeof own === 'number' ? own : this.#places.get(id)
    this.#latest = place ?? this.#latest
    return this.#latest
  }

  #partOf(event: JsonObject): readonly WholeText[] {
    const text = textOfPart(objectOf(event['part']), this.#nameOf(event))
    return text === null ? [] : [text]
  }

  /** E4. */
  #endsOf(texts: readonly WholeText[], scope: Scope): Ends {
    this.#isTooMany ||= texts.length > textsMax
    return this.#isTooMany ? new Map() : this.#told.endsOf(texts, scope)
  }

  /** A text that has not been told. */
  #add(name: TextName, out: ChatEvent[]): ToldText {
    this.#tellGiven(out)
    const told = this.#told.add(name)
    const isNextPart = told.kind === 'response.reasoning_summary_text' && told.part > 0
    if (isNextPart) out.push({ kind: 'thinking', text: betweenParts })
    return told
  }

  /** What it begins with. */
  #give(text: WholeText, out: ChatEvent[]): void {
    const told = this.#told.of(text) ?? this.#add(text, out)
    if (this.#given?.told !== told) this.#tellGiven(out)
    this.#call(told, text, out)
    told.isBlank = isCall(text) && text.whole.trim() === noArguments
    if (told.text === '' && text.whole !== '' && !told.isBlank) {
      this.#given = { told, text: text.whole }
    }
  }

  /** E3. */
  #tellGiven(out: ChatEvent[]): void {
    if (this.#given === null) return
    const { told, text } = this.#given
    this.#given = null
    this.#tell(told, text, out)
    told.isOver = isCall(told) && isObject(jsonOf(text)) // what comes says it again
  }

  #grow(name: TextName, piece: string, out: ChatEvent[]): void {
    if (piece === '') return
    const own = this.#told.of(name)
    const isNext = own === undefined || (own.place === -1 && own.isOver)
    const told = isNext ? this.#add(name, out) : own
    if (this.#given?.told === told && this.#given.text.startsWith(piece)) this.#given = null // E3
    this.#tellGiven(out)
    if (!(told.isOver && isCall(told))) this.#tell(told, piece, out, name.kind)
  }

  /** A call is told before what it is given. */
  #call(told: ToldText, { id, name }: WholeText, out: ChatEvent[]): void {
    if (told.hasBegun || name === null) return
    this.#tellGiven(out)
    const before = told.text
    Object.assign(told, { id, hasBegun: true, text: '' })
    const index = countOf(told.place)
    const isProviders = told.kind === 'response.mcp_call_arguments'
    out.push(isProviders ? { kind: 'other', index } : { kind: 'tool-start', index, id, name })
    this.#tell(told, before, out)
  }

  #tell(told: ToldText, text: string, out: ChatEvent[], kind = told.kind): void {
    told.text += text
    if (text === '' || (isCall(told) && !told.hasBegun)) return
    const isSaid = textKinds[kind].family === 'said'
    if (isSaid && this.#open !== null && this.#open !== told) out.push({ kind: 'block-end' })
    if (isSaid) this.#open = told
    const event = { type: `${kind}.delta`, output_index: told.place, delta: text }
    out.push(...readResponses(event))
  }

  /** E1, E2. */
  #end(texts: readonly WholeText[], ends: Ends, out: ChatEvent[]): void {
    for (const text of texts) {
      const end = ends.get(text)
      if (end === null) continue
      const told = end ?? this.#add(text, out)
      const given = this.#given?.told === told ? this.#given.text : ''
      if (given !== '') this.#given = null
      const whole = text.whole || given
      this.#call(told, text, out)
      const isRest = whole.startsWith(told.text)
      this.#tell(told, isRest ? whole.slice(told.text.length) : '', out, text.kind)
      told.isOver = true
      if (this.#open !== told) continue
      for (const annotation of text.annotations.slice(told.cited)) {
        out.push(...readResponses({ type: citedType, annotation }))
        told.cited += 1
      }
    }
  }

  #endAll({ output }: JsonObject, out: ChatEvent[]): void {
    const items = listOf(output).map(objectOf)
    const texts = items.map(textsOfItem)
    const ends = this.#endsOf(texts.flat(), 'response')
    for (const [place, item] of items.entries()) {
      this.#end(texts[place] ?? [], ends, out)
      this.#endItem(item, place, out)
    }
    this.#tellGiven(out)
    for (const told of this.#told.all.filter(isCall)) {
      if (told.isBlank && told.text === '') this.#tell(told, noArguments, out)
      if (told.hasBegun) continue
      told.hasBegun = true // arguments of no call: who reads them finds them wrong
      this.#tell(told, told.text, out)
    }
  }

  /** It has one signature, or one image; what its caller would miss may be said twice. */
  #endItem(item: JsonObject, place: number, out: ChatEvent[]): void {
    const { lost } = isSaidItem(item) ? {} : lostItem(item)
    if (lost !== undefined) out.push({ kind: 'other', lost })
    for (const event of endOfItem(item)) {
      const name = 'text' in event ? event.text : textOf(item['id'])
      if (this.#signed.has(name) || this.#signed.has(place)) continue
      if (name !== '') this.#signed.add(name)
      if (place !== -1) this.#signed.add(place)
      out.push(event)
    }
  }
}

const tooMany = `more than ${textsMax} texts and calls in one answer`
const citedType = 'response.output_text.annotation.added'

// Some engines begin each call with them, and say in pieces what it is given.
const noArguments = '{}'

function isCall({ kind }: TextName): boolean {
  return textKinds[kind].family === 'call'
}
