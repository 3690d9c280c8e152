// Anthropic writer
//
// Writes a stream as the events of a message: one content block after the other, the stop reason and the usage last.

import { writeBlockCitation } from './annotation.ts'
import type { ChatEvent, Stop, Usage } from './chat.ts'
import { type ChatWriter, typedFrame, type WriterOptions } from './chat-writer.ts'
import { carriedSignature, ownSignature } from './signature.ts'
import { StreamTail } from './stream-tail.ts'

type Block = 'text' | 'thinking' | 'tool_use'
type ContentBlock = Readonly<Record<string, unknown>> & { readonly type: string }

export class AnthropicWriter implements ChatWriter {
  readonly #options: WriterOptions
  #hasBegun: boolean
  /** The block that is open; written by `#open` and `#close`. */
  #block: { readonly index: number; readonly type: string } | null = null
  #blocks = 0
  #hasCalled = false
  readonly #tail: StreamTail

  constructor(options: WriterOptions) {
    this.#options = options
    this.#tail = new StreamTail(options)
    this.#hasBegun = options.sent !== null
    if (options.sent !== null) {
      this.#block = { index: 0, type: 'text' }
      this.#blocks = 1
    }
  }

  write(event: ChatEvent): string {
    this.#tail.take(event)
    switch (event.kind) {
      case 'text':
        if (event.text === '' || event.choice !== 0) return ''
        return this.#in('text') + this.#delta({ type: 'text_delta', text: event.text })
      case 'citation': {
        const citation = writeBlockCitation(event.citation)
        return this.#in('text') + this.#delta({ type: 'citations_delta', citation })
      }
      case 'block-end':
        return this.#block?.type === 'text' ? this.#close() : ''
      case 'thinking':
        if (event.text === '') return ''
        return this.#in('thinking') + this.#delta({ type: 'thinking_delta', thinking: event.text })
      case 'signature':
        return this.#sign(event.text)
      case 'tool-start':
        this.#hasCalled = true
        return this.#open(blockOf('tool_use', event))
      case 'tool-arguments':
        return this.#delta({ type: 'input_json_delta', partial_json: event.text })
      case 'stop':
      case 'usage':
      case 'start':
      case 'end':
      case 'error':
      case 'other': // no request of another dialect asks for it
      case 'other-text':
      case 'image': // refused (`newChatWriter`)
        return ''
    }
  }

  end(): string {
    const delta = {
      stop_reason: anthropicReason(this.#stopOf(this.#tail.stop)),
      stop_sequence: this.#tail.sequence ?? null,
    }
    const last = { type: 'message_delta', delta, usage: writeAnthropicUsage(this.#tail.usage) }
    return this.#begin() + this.#close() + typedFrame(last) + typedFrame({ type: 'message_stop' })
  }

  /** Who calls tools stops for that, whatever the upstream names it. */
  #stopOf(stop: Stop): Stop {
    return stop === 'stop' && this.#hasCalled ? 'tool-calls' : stop
  }

  #begin(): string {
    if (this.#hasBegun) return ''
    this.#hasBegun = true
    const { id, model } = this.#options
    const message = {
      ...{ id, type: 'message', role: 'assistant', model, content: [] },
      ...{ stop_reason: null, stop_sequence: null },
      usage: { ...writeAnthropicUsage(this.#tail.usage), output_tokens: 0 },
    }
    return typedFrame({ type: 'message_start', message })
  }

  #in(type: 'text' | 'thinking'): string {
    return this.#block?.type === type ? '' : this.#open(blockOf(type, null))
  }

  /** What is signed is over. */
  #sign(text: string): string {
    const data = ownSignature('redacted', text)
    if (data !== null) return this.#open({ type: 'redacted_thinking', data }) + this.#close()
    const signature = carriedSignature('anthropic', text)
    return (
      this.#in('thinking') + this.#delta({ type: 'signature_delta', signature }) + this.#close()
    )
  }

  #open(content_block: ContentBlock): string {
    const before = this.#begin() + this.#close()
    const index = this.#blocks
    this.#blocks += 1
    this.#block = { index, type: content_block.type }
    return before + typedFrame({ type: 'content_block_start', index, content_block })
  }

  #close(): string {
    if (this.#block === null) return ''
    const { index } = this.#block
    this.#block = null
    return typedFrame({ type: 'content_block_stop', index })
  }

  #delta(delta: Readonly<Record<string, unknown>>): string {
    const index = this.#block?.index ?? 0
    return typedFrame({ type: 'content_block_delta', index, delta })
  }
}

function blockOf(
  type: Block,
  call: Extract<ChatEvent, { kind: 'tool-start' }> | null,
): ContentBlock {
  switch (type) {
    case 'text':
      return { type, text: '' }
    case 'thinking':
      return { type, thinking: '', signature: '' }
    case 'tool_use':
      return { type, id: call?.id ?? '', name: call?.name ?? '', input: {} }
  }
}

export function anthropicReason(stop: Stop): string {
  switch (stop) {
    case 'stop':
      return 'end_turn'
    case 'stop-sequence':
      return 'stop_sequence'
    case 'length':
      return 'max_tokens'
    case 'tool-calls':
      return 'tool_use'
    case 'content-filter':
      return 'refusal'
    case 'other':
      return 'pause_turn'
  }
}

/** How long what was written to the cache is kept, where some of it is for longer than usual. */
function writeKept({ cacheWritten, cacheWrittenLong = 0 }: Usage): object {
  if (cacheWrittenLong === 0) return {}
  return {
    cache_creation: {
      ephemeral_5m_input_tokens: Math.max(0, cacheWritten - cacheWrittenLong),
      ephemeral_1h_input_tokens: cacheWrittenLong,
    },
  }
}

export function writeAnthropicUsage(usage: Usage) {
  return {
    input_tokens: Math.max(0, usage.input - usage.cached - usage.cacheWritten),
    cache_creation_input_tokens: usage.cacheWritten,
    cache_read_input_tokens: usage.cached,
    output_tokens: usage.output,
    ...writeKept(usage),
    ...(usage.reasoning === 0
      ? {}
      : { output_tokens_details: { thinking_tokens: usage.reasoning } }),
  }
}
