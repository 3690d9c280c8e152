// Gemini writer
//
// Writes a stream as chunks of streamGenerateContent. A call of a tool goes out whole, the usage and the reason to
// stop last.

import { argumentsOf, type ChatEvent, notAnObject, type ToolCall } from './chat.ts'
import { type ChatWriter, dataFrame, type WriterOptions } from './chat-writer.ts'
import { StreamTail } from './stream-tail.ts'
import { geminiReason, writeGeminiUsage } from './write-gemini.ts'

export class GeminiWriter implements ChatWriter {
  readonly #options: WriterOptions
  readonly #tail: StreamTail
  /** Calls that are still being written, by the upstream's index. */
  readonly #calls = new Map<number, ToolCall>()
  /** Written by `#flush`. */
  wrong: string | null = null

  constructor(options: WriterOptions) {
    this.#options = options
    this.#tail = new StreamTail(options)
  }

  write(event: ChatEvent): string {
    this.#tail.take(event)
    switch (event.kind) {
      case 'text':
        return event.text === '' || event.choice !== 0 ? '' : this.#chunk([{ text: event.text }])
      case 'thinking':
        return event.text === '' ? '' : this.#chunk([{ text: event.text, thought: true }])
      case 'tool-start': {
        const before = event.index === -1 ? this.#flush() : ''
        const { index, id, name, signature } = event
        const more = signature === undefined ? {} : { signature }
        this.#calls.set(index, { kind: 'tool-call', id, name, arguments: '', ...more })
        return before
      }
      case 'tool-arguments': {
        const call = this.#calls.get(event.index)
        if (call === undefined) return ''
        this.#calls.set(event.index, { ...call, arguments: call.arguments + event.text })
        return ''
      }
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
    const calls = [...this.#calls.values()]
    this.#calls.clear()
    const written = calls.flatMap((made): object[] => {
      const { id, name, signature } = made
      const args = argumentsOf(made)
      // One that was cut with its answer is left out: its stop says so.
      if (args === null && this.#tail.stop !== 'length') this.wrong ??= notAnObject(made)
      if (args === null) return []
      const call = { functionCall: { id, name, args } }
      return [signature === undefined ? call : { ...call, thoughtSignature: signature }]
    })
    return written.length === 0 ? '' : this.#chunk(written)
  }

  #chunk(parts: readonly object[]): string {
    const candidates = [{ content: { role: 'model', parts }, index: 0 }]
    return dataFrame({ candidates, ...this.#head() })
  }

  #head() {
    return { modelVersion: this.#options.model, responseId: this.#options.id }
  }
}
