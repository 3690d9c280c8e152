// OpenAI writer
//
// Writes a stream as the chunks of a chat completion.

import { writeUrlCitations } from './annotation.ts'
import { type ChatEvent, grownUsage, noUsage, type Stop, type Usage } from './chat.ts'
import { type ChatWriter, dataFrame, type WriterOptions } from './chat-writer.ts'
import { CustomInput, customTools } from './custom-tool.ts'
import type { JsonObject } from './json.ts'
import { ownSignature } from './signature.ts'

export class OpenaiWriter implements ChatWriter {
  readonly #options: WriterOptions
  #hasBegun: boolean
  #usage: Usage
  #hasCalled = false
  /**
   * Of each choice, which goes out last: some upstreams say it with every piece, and a guard may
   * yet deny the whole. So it waits for an upstream that stops and does not end.
   */
  readonly #stops = new Map<number, Stop>()
  /** Of a call that comes next; in this dialect nothing else carries one. */
  #signature: string | undefined
  /** The tools that are given a text. */
  readonly #custom: ReadonlySet<string>
  /** Of the calls of those, by their index; written by `#toolStart`. */
  readonly #inputs = new Map<number, CustomInput>()

  constructor(options: WriterOptions, request: JsonObject) {
    this.#options = options
    this.#custom = customTools(request)
    this.#hasBegun = options.sent !== null
    this.#usage = options.sent?.usage ?? noUsage
  }

  write(event: ChatEvent): string {
    switch (event.kind) {
      case 'text':
        if (event.text === '') return ''
        this.#signature = undefined
        return event.isRefusal === true
          ? this.#delta({ refusal: event.text }, event.choice)
          : this.#delta({ content: event.text }, event.choice)
      case 'citation': {
        const annotations = writeUrlCitations([event.citation])
        return annotations.length === 0 ? '' : this.#delta({ annotations }, 0)
      }
      case 'thinking':
        return event.text === '' ? '' : this.#delta({ reasoning_content: event.text }, 0)
      case 'tool-start':
        return this.#toolStart(event)
      case 'tool-arguments':
        return this.#grow(event.index, event.text)
      case 'stop':
        this.#stops.set(event.choice, event.stop)
        return ''
      case 'usage':
        this.#usage = grownUsage(this.#usage, event.usage)
        return ''
      case 'signature':
        this.#signature = event.text
        return ''
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
    const rest = [...this.#inputs].map(([index, input]) => this.#give(index, input.rest()))
    const stopped = [...this.#stops].map(([index, stop]) => {
      const finish_reason = openaiReason(this.#stopOf(stop))
      return this.#chunk([{ index, delta: {}, finish_reason }])
    })
    const usage = this.#options.streamUsage
      ? dataFrame({ ...this.#head(), choices: [], usage: writeOpenaiUsage(this.#usage) })
      : ''
    return `${rest.join('')}${stopped.join('')}${usage}data: [DONE]\n\n`
  }

  /** Who calls tools stops for that, whatever the upstream names it. */
  #stopOf(stop: Stop): Stop {
    return stop === 'stop' && this.#hasCalled ? 'tool-calls' : stop
  }

  #toolStart({ index, id, name }: Extract<ChatEvent, { kind: 'tool-start' }>): string {
    this.#hasCalled = true
    const signed = writeCallSignature(this.#signature)
    this.#signature = undefined
    const isCustom = this.#custom.has(name)
    if (isCustom) this.#inputs.set(index, new CustomInput())
    const tool = isCustom
      ? { type: 'custom', custom: { name, input: '' } }
      : { type: 'function', function: { name, arguments: '' } }
    return this.#delta({ tool_calls: [{ index, id, ...tool, ...signed }] }, 0)
  }

  #grow(index: number, text: string): string {
    const input = this.#inputs.get(index)
    if (input !== undefined) return this.#give(index, input.take(text))
    return this.#delta({ tool_calls: [{ index, function: { arguments: text } }] }, 0)
  }

  #give(index: number, input: string): string {
    return input === '' ? '' : this.#delta({ tool_calls: [{ index, custom: { input } }] }, 0)
  }

  #delta(delta: Readonly<Record<string, unknown>>, index: number): string {
    const role = this.#hasBegun ? {} : { role: 'assistant' }
    this.#hasBegun = true
    return this.#chunk([{ index, delta: { ...role, ...delta }, finish_reason: null }])
  }

  #chunk(choices: readonly unknown[]): string {
    return dataFrame({ ...this.#head(), choices })
  }

  #head() {
    const { id, model, createdS } = this.#options
    return { id, object: 'chat.completion.chunk', created: createdS, model }
  }
}

/** What else a call says where it is signed, in Google's words. */
export function writeCallSignature(signature: string | undefined): object {
  const thought_signature = ownSignature('gemini', signature)
  return thought_signature === null ? {} : { extra_content: { google: { thought_signature } } }
}

export function openaiReason(stop: Stop): string {
  switch (stop) {
    case 'stop':
    case 'stop-sequence':
      return 'stop'
    case 'length':
      return 'length'
    case 'tool-calls':
      return 'tool_calls'
    case 'content-filter':
      return 'content_filter'
    case 'other': // refused (`newChatWriter`)
      return 'length'
  }
}

export function writeOpenaiUsage(usage: Usage) {
  return {
    prompt_tokens: usage.input,
    completion_tokens: usage.output,
    total_tokens: usage.input + usage.output,
    prompt_tokens_details: { cached_tokens: usage.cached, cache_write_tokens: usage.cacheWritten },
    completion_tokens_details: { reasoning_tokens: usage.reasoning },
  }
}
