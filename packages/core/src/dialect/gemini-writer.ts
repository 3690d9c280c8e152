// Gemini writer
//
// Writes a stream as chunks of streamGenerateContent. A call of a tool goes out whole, the usage and the reason to
// stop last.

import { argumentsOf, type ChatEvent, notAnObject, type ToolCall } from './chat.ts'
import { type ChatWriter, dataFrame, type WriterOptions } from './chat-writer.ts'
import { StreamTail } from './stream-tail.ts'
import { geminiReason, inlineData, writeGeminiUsage } from './write-gemini.ts'

export class GeminiWriter implements ChatWriter {
  readonly #options: WriterOptions
  readonly #tail: StreamTail
  /** The call that is still being written. */
  #call: ToolCall | null = null
  /** The first call whose arguments are none; written by `#flush`. */
  #lost: ToolCall | null = null

  constructor(options: WriterOptions) {
    this.#options = options
    this.#tail = new StreamTail(options)
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
        return this.#flush() + this.#chunk([{ text: event.text }])
      case 'thinking':
        if (event.text === '') return ''
        return this.#flush() + this.#chunk([{ text: event.text, thought: true }])
      case 'image':
        return this.#flush() + this.#chunk([inlineData(event.source)])
      case 'tool-start': {
        const before = this.#flush()
        const { id, name, signature } = event
        const more = signature === undefined ? {} : { signature }
        this.#call = { kind: 'tool-call', id, name, arguments: '', ...more }
        return before
      }
      case 'tool-arguments':
        if (this.#call !== null) {
          this.#call = { ...this.#call, arguments: this.#call.arguments + event.text }
        }
        return ''
      case 'stop':
        return this.#flush()
      case 'usage':
      case 'start':
      case 'signature':
      case 'end':
      case 'error':
        return ''
    }
  }

  end(): string {
    const finishReason = geminiReason(this.#tail.stop)
    const candidate = { content: { role: 'model', parts: [{ text: '' }] }, finishReason, index: 0 }
    const last = { candidates: [candidate], usageMetadata: writeGeminiUsage(this.#tail.usage) }
    return this.#flush() + dataFrame({ ...last, ...this.#head() })
  }

  #flush(): string {
    const made = this.#call
    if (made === null) return ''
    this.#call = null
    const { id, name, signature } = made
    const args = argumentsOf(made)
    if (args === null) this.#lost ??= made
    if (args === null) return ''
    const call = { functionCall: { id, name, args } }
    return this.#chunk([signature === undefined ? call : { ...call, thoughtSignature: signature }])
  }

  #chunk(parts: readonly object[]): string {
    const candidates = [{ content: { role: 'model', parts }, index: 0 }]
    return dataFrame({ candidates, ...this.#head() })
  }

  #head() {
    return { modelVersion: this.#options.model, responseId: this.#options.id }
  }
}
