// Gemini writer
//
// Writes a stream as chunks of streamGenerateContent. A call of a tool goes out whole, the usage and the reason to
// stop last.

import { exactJson } from '../resource/index.ts'
import { argumentsOf, type ChatEvent, type Citation, notAnObject, type ToolCall } from './chat.ts'
import { type ChatWriter, dataFrame, type WriterOptions } from './chat-writer.ts'
import { carriedSignature, ownSignature } from './signature.ts'
import { StreamTail } from './stream-tail.ts'
import { geminiReason, inlineData, writeGeminiUsage, writeGroundings } from './write-gemini.ts'

export class GeminiWriter implements ChatWriter {
  readonly #options: WriterOptions
  readonly #tail: StreamTail
  /** What was said, and its citations, which go out last. */
  #text: string
  readonly #citations: Citation[] = []
  /** The call that is still being written. */
  #call: ToolCall | null = null
  /** Of the text or call that comes next; written by `#sign` and `#signed`. */
  #signature: string | null = null
  /** The first call whose arguments are none; written by `#flush`. */
  #lost: ToolCall | null = null

  constructor(options: WriterOptions) {
    this.#options = options
    this.#tail = new StreamTail(options)
    this.#text = options.sent?.text ?? ''
  }

  /** A call that was cut with its answer is left out: its stop says so. */
  get wrong(): string | null {
    return this.#lost === null || this.#tail.stop === 'length' ? null : notAnObject(this.#lost)
  }

  write(event: ChatEvent): string {
    this.#tail.take(event)
    switch (event.kind) {
      case 'text':
        if (event.text === '' || event.choice !== 0) return ''
        this.#text += event.text
        return this.#flush() + this.#chunk([{ text: event.text, ...this.#signed() }])
      case 'citation':
        this.#citations.push(event.citation)
        return ''
      case 'thinking':
        if (event.text === '') return ''
        return this.#flush() + this.#chunk([{ text: event.text, thought: true }])
      case 'image':
        return this.#flush() + this.#chunk([inlineData(event.source)])
      case 'tool-start': {
        const before = this.#flush()
        const { id, name } = event
        this.#call = { kind: 'tool-call', id, name, arguments: '' }
        return before
      }
      case 'tool-arguments':
        if (this.#call !== null) {
          this.#call = { ...this.#call, arguments: this.#call.arguments + event.text }
        }
        return ''
      case 'stop':
        return this.#flush()
      case 'signature':
        return this.#flush() + this.#sign(event.text)
      case 'usage':
      case 'start':
      case 'block-end':
      case 'other': // no request of another dialect asks for it
      case 'other-text':
      case 'end':
      case 'error':
        return ''
    }
  }

  end(): string {
    const finishReason = geminiReason(this.#tail.stop)
    const flushed = this.#flush()
    const parts = [{ text: '', ...this.#signed() }]
    const cited = writeGroundings(this.#text, this.#citations)
    const candidate = { content: { role: 'model', parts }, finishReason, index: 0, ...cited }
    const last = { candidates: [candidate], usageMetadata: writeGeminiUsage(this.#tail.usage) }
    return flushed + dataFrame({ ...last, ...this.#head() })
  }

  /** Gemini's own stands with what follows; another's is of the thoughts before it. */
  #sign(signature: string): string {
    this.#signature = ownSignature('gemini', signature)
    if (this.#signature !== null) return ''
    const thoughtSignature = carriedSignature('gemini', signature)
    return this.#chunk([{ text: '', thought: true, thoughtSignature }])
  }

  #signed(): object {
    const thoughtSignature = this.#signature
    this.#signature = null
    return thoughtSignature === null ? {} : { thoughtSignature }
  }

  #flush(): string {
    const made = this.#call
    if (made === null) return ''
    this.#call = null
    const { id, name } = made
    const args = argumentsOf(made)
    if (args === null) this.#lost ??= made
    if (args === null) return ''
    return this.#chunk([{ functionCall: { id, name, args }, ...this.#signed() }], exactJson)
  }

  #chunk(parts: readonly object[], json?: typeof exactJson): string {
    const candidates = [{ content: { role: 'model', parts }, index: 0 }]
    return dataFrame({ candidates, ...this.#head() }, json)
  }

  #head() {
    return { modelVersion: this.#options.model, responseId: this.#options.id }
  }
}
