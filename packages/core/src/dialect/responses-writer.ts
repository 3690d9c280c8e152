// Responses writer
//
// Writes a stream as the events of OpenAI's Responses API: items open, grow and close one after the other; the whole
// response comes with the first and the last event.

import { exactJson } from '../resource/index.ts'
import { writeAnnotation } from './annotation.ts'
import type { ChatAnswer, ChatEvent, Citation, Part } from './chat.ts'
import { type ChatWriter, typedFrame, type WriterOptions } from './chat-writer.ts'
import { charactersOf, movedCitation } from './cited-text.ts'
import { CustomInput, customTools } from './custom-tool.ts'
import type { JsonObject } from './json.ts'
import { ownSignature } from './signature.ts'
import { StreamTail } from './stream-tail.ts'
import { calledIn } from './tool-namespace.ts'
import {
  callItem,
  callPrefix,
  isCutBy,
  outputText,
  reasoningItem,
  responseFrame,
  writeResponsesAnswer,
} from './write-responses.ts'

interface Item {
  readonly kind: 'text' | 'refusal' | 'thinking' | 'tool-call'
  readonly index: number
  readonly itemId: string
  readonly call: { readonly id: string; readonly name: string; readonly index: number } | null
  /** Reads what a tool is given that is given a text; null for all else. */
  readonly input: CustomInput | null
  text: string
  /** Of a thought; written by `#sign`. */
  signature?: string
  /** Of a text; written by `#cite`. */
  readonly citations: Citation[]
  /** How many characters of text there are before it; written by `#citing`. */
  from?: number
}

export class ResponsesWriter implements ChatWriter {
  readonly #options: WriterOptions
  readonly #request: JsonObject
  #sequence = 0
  #hasBegun = false
  #open: Item | null = null
  /** How many items know where they begin; written by `#citing`. */
  #placed = 0
  /** What is cited before there is a text; written by `#cite` and `#grow`. */
  #early: Citation[] = []
  /** Items that are closed; written by `#close`. */
  readonly #closed: Item[] = []
  readonly #tail: StreamTail
  /** The tools that are given a text. */
  readonly #custom: ReadonlySet<string>

  constructor(options: WriterOptions, request: JsonObject) {
    this.#options = options
    this.#request = request
    this.#tail = new StreamTail(options)
    this.#custom = customTools(request)
  }

  write(event: ChatEvent): string {
    this.#tail.take(event)
    switch (event.kind) {
      case 'text': {
        const kind = event.isRefusal === true ? 'refusal' : 'text'
        return event.text === '' ? '' : this.#grow(kind, event.text)
      }
      case 'thinking':
        return event.text === '' ? '' : this.#grow(event.kind, event.text)
      case 'tool-start':
        return this.#begin() + this.#close() + this.#start('tool-call', event)
      case 'tool-arguments': {
        const input = this.#open?.input ?? null
        const text = input === null ? event.text : input.take(event.text)
        return text === '' && input !== null ? '' : this.#grow('tool-call', text)
      }
      case 'citation':
        return this.#cite(event.citation)
      case 'signature':
        return this.#sign(event.text)
      case 'stop':
      case 'usage':
      case 'start':
      case 'block-end':
      case 'end':
      case 'error':
      case 'other': // no request of another dialect asks for it
      case 'other-text':
      case 'image': // refused (`newChatWriter`)
        return ''
    }
  }

  end(): string {
    const { stop, usage } = this.#tail
    const before = this.#begin() + this.#close()
    const answer: ChatAnswer = {
      ...{ id: this.#options.id, model: this.#options.model },
      ...{ parts: this.#closed.map(partOf), stop, usage },
    }
    const whole = writeResponsesAnswer(answer, this.#request, this.#options.createdS)
    const response = {
      ...whole,
      output: this.#closed.map((item) => itemOf(item, 'completed', this.#request)),
    }
    return (
      before +
      this.#frame(isCutBy(stop) ? 'response.incomplete' : 'response.completed', { response })
    )
  }

  #begin(): string {
    if (this.#hasBegun) return ''
    this.#hasBegun = true
    const { id, model, createdS } = this.#options
    const frame = responseFrame(this.#request, { id, model, createdS })
    const response = { ...frame, status: 'in_progress', output: [] }
    return (
      this.#frame('response.created', { response }) +
      this.#frame('response.in_progress', { response })
    )
  }

  #grow(kind: Item['kind'], text: string): string {
    const isOpen = this.#open?.kind === kind
    const begun = isOpen ? '' : this.#begin() + this.#close() + this.#start(kind, null)
    const before = begun + this.#openPart()
    if (this.#open !== null) this.#open.text += text
    const isInput = (this.#open?.input ?? null) !== null
    const type = isInput ? 'response.custom_tool_call_input.delta' : deltaTypes[kind]
    const grown = before + this.#frame(type, { ...this.#place(), delta: text })
    if (kind !== 'text' || this.#early.length === 0) return grown
    const early = this.#early
    this.#early = []
    return grown + early.map((citation) => this.#cite(citation)).join('')
  }

  #start(kind: Item['kind'], call: Item['call']): string {
    const index = this.#closed.length
    const isCustom = call !== null && this.#custom.has(call.name)
    const prefix = kind === 'tool-call' ? callPrefix(isCustom) : prefixes[kind]
    const itemId = `${prefix}_${this.#options.id}_${index}`
    const input = isCustom ? new CustomInput() : null
    const item: Item = { kind, index, itemId, call, input, text: '', citations: [] }
    this.#open = item
    return this.#frame('response.output_item.added', {
      ...{ output_index: index, item: itemOf(item, 'in_progress', this.#request) },
    })
  }

  /** With the first text of an item; a call has no parts. */
  #openPart(): string {
    const item = this.#open
    if (item === null || item.text !== '' || item.kind === 'tool-call') return ''
    const isThinking = item.kind === 'thinking'
    const type = isThinking ? summaryPart('added') : 'response.content_part.added'
    const place = isThinking ? { summary_index: 0 } : { content_index: 0 }
    const about = { item_id: item.itemId, output_index: item.index, ...place }
    return this.#frame(type, { ...about, part: contentOf(item) })
  }

  /** At the text that it begins in, which may be closed: the whole response has it, too. */
  #cite(citation: Citation): string {
    const item = this.#citing(citation.start)
    if (item === undefined) {
      this.#early.push(citation)
      return ''
    }
    const own = movedCitation(citation, -(item.from ?? 0))
    const annotation_index = item.citations.push(own) - 1
    const at = { item_id: item.itemId, output_index: item.index, content_index: 0 }
    const more = { ...at, annotation_index, annotation: writeAnnotation(own) }
    return this.#frame('response.output_text.annotation.added', more)
  }

  /** The last text that begins before a place. */
  #citing(place: number): Item | undefined {
    const items = this.#open === null ? this.#closed : [...this.#closed, this.#open]
    for (; this.#placed < items.length; this.#placed++) {
      const [before, item] = [items[this.#placed - 1], items[this.#placed]]
      if (item === undefined) break
      const isText = before?.kind === 'text' || before?.kind === 'refusal'
      const length = isText ? charactersOf(before.text) : 0
      item.from = (before?.from ?? 0) + length
    }
    const texts = items.filter(({ kind }) => kind === 'text')
    return texts.findLast(({ from = 0 }) => from <= place) ?? texts[0]
  }

  /** What is signed is over. */
  #sign(signature: string): string {
    const isOpen = this.#open?.kind === 'thinking' && ownSignature('redacted', signature) === null
    const before = isOpen ? '' : this.#begin() + this.#close() + this.#start('thinking', null)
    if (this.#open !== null) this.#open.signature = signature
    return before + this.#close()
  }

  #close(): string {
    const item = this.#open
    if (item === null) return ''
    const rest = item.input?.rest() ?? ''
    const last = rest === '' ? '' : this.#grow('tool-call', rest)
    this.#open = null
    this.#closed.push(item)
    const about = { item_id: item.itemId, output_index: item.index }
    const done = this.#done(item, about)
    const whole = { output_index: item.index, item: itemOf(item, 'completed', this.#request) }
    return last + done + this.#frame('response.output_item.done', whole)
  }

  #done(item: Item, about: object): string {
    const { text, call } = item
    switch (item.kind) {
      case 'text': {
        const place = { ...about, content_index: 0 }
        return (
          this.#frame('response.output_text.done', { ...place, text, logprobs: [] }) +
          this.#frame('response.content_part.done', { ...place, part: contentOf(item) })
        )
      }
      case 'refusal': {
        const place = { ...about, content_index: 0 }
        return (
          this.#frame('response.refusal.done', { ...place, refusal: text }) +
          this.#frame('response.content_part.done', { ...place, part: contentOf(item) })
        )
      }
      case 'thinking': {
        if (text === '') return '' // only signed
        const place = { ...about, summary_index: 0 }
        return (
          this.#frame('response.reasoning_summary_text.done', { ...place, text }) +
          this.#frame(summaryPart('done'), { ...place, part: contentOf(item) })
        )
      }
      case 'tool-call': {
        if (item.input !== null) {
          return this.#frame('response.custom_tool_call_input.done', { ...about, input: text })
        }
        const type = 'response.function_call_arguments.done'
        const { name } = calledIn(this.#request, call?.name ?? '')
        return this.#frame(type, { ...about, name, arguments: text })
      }
    }
  }

  /** Where the delta belongs. */
  #place(): object {
    const item = this.#open
    const about = { item_id: item?.itemId ?? '', output_index: item?.index ?? 0 }
    if (item?.kind === 'text') return { ...about, content_index: 0, logprobs: [] }
    if (item?.kind === 'refusal') return { ...about, content_index: 0 }
    return item?.kind === 'thinking' ? { ...about, summary_index: 0 } : about
  }

  #frame(type: string, more: object): string {
    const sequence_number = this.#sequence
    this.#sequence += 1
    // A response says back what it was asked, schemas and their numbers among it.
    const json = 'response' in more ? exactJson : undefined
    return typedFrame({ type, sequence_number, ...more }, json)
  }
}

const deltaTypes = {
  text: 'response.output_text.delta',
  refusal: 'response.refusal.delta',
  thinking: 'response.reasoning_summary_text.delta',
  'tool-call': 'response.function_call_arguments.delta',
} as const
const prefixes = { text: 'msg', refusal: 'msg', thinking: 'rs' } as const

function summaryPart(what: 'added' | 'done'): string {
  return `response.reasoning_summary_part.${what}`
}

function contentOf({ kind, text, citations }: Item): object {
  if (kind === 'thinking') return { type: 'summary_text', text }
  return outputText(kind === 'refusal' ? { text, isRefusal: true } : { text, citations })
}

function itemOf(item: Item, status: 'in_progress' | 'completed', request: JsonObject): object {
  const { kind, itemId, input, text } = item
  const isDone = status === 'completed'
  switch (kind) {
    case 'text':
    case 'refusal': {
      const content = isDone ? [contentOf(item)] : []
      return { id: itemId, type: 'message', status, role: 'assistant', content }
    }
    case 'thinking':
      return reasoningItem(itemId, isDone ? item : { text: '' })
    case 'tool-call': {
      const call = item.call ?? { id: '', name: '' }
      const own = { id: itemId, status, isCustom: input !== null }
      return callItem(request, { ...own, call, given: isDone ? text : '' })
    }
  }
}

function partOf({ kind, text, call }: Item): Part {
  if (kind === 'tool-call') {
    return { kind, id: call?.id ?? '', name: call?.name ?? '', arguments: text }
  }
  return kind === 'refusal' ? { kind: 'text', text, isRefusal: true } : { kind, text }
}
