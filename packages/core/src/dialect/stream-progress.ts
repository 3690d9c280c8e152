// Stream progress
//
// How far a streamed answer has come: whether it began, what text it gave, whether it is complete.
//
// Invariants:
//   P1. A stream is complete only where its end was marked, or every choice that was asked for or has begun has its stop
//       reason (I6).

import { type ChatEvent, grownUsage, noUsage, type Usage } from './chat.ts'

const textMax = 4 * 2 ** 20 // characters; a longer answer is not continued elsewhere

/** Lives as long as one stream; written by `take` alone. */
export class StreamProgress {
  id = ''
  model = ''
  text = ''
  /** How many pieces `text` came in, each a token at least where it is streamed as it is made. */
  textPieces = 0
  /**
   * False once anything but text of the first choice has come: such an answer cannot be continued.
   */
  isPlainText: boolean
  hasContent = false
  /** Characters of everything that came: text, thinking, arguments of tools. */
  contentLength = 0
  isEnded = false
  usage: Usage | null = null
  /** `contentLength` when the upstream counted its output last; -1: it has not. */
  #countedLength = -1
  readonly #choices: number
  readonly #begun = new Set<number>()
  /** The choice of the last text: it has begun. */
  #choice = -1
  readonly #stopped = new Set<number>()

  /** `choices` are asked for; an engine that gives fewer marks its end. */
  constructor(choices = 1) {
    this.#choices = choices
    this.isPlainText = choices === 1
  }

  take(event: ChatEvent): void {
    switch (event.kind) {
      case 'start':
        this.id ||= event.id
        this.model ||= event.model
        return
      case 'text':
        if (event.isRefusal === true) this.isPlainText = false
        return this.#takeText(event.choice, event.text)
      case 'thinking':
        if (event.text === '') return
        this.hasContent = true
        this.isPlainText = false
        this.contentLength += event.text.length
        return
      case 'tool-start':
      case 'tool-arguments':
        this.contentLength += event.kind === 'tool-start' ? event.name.length : event.text.length
        this.hasContent = true
        this.isPlainText = false
        this.#begun.add(0)
        return
      case 'image':
      case 'other':
        this.hasContent = true
        this.isPlainText = false
        this.#begun.add(0)
        return
      case 'other-text':
        this.contentLength += event.text.length
        return
      case 'stop':
        this.hasContent = true
        this.#begun.add(event.choice)
        this.#stopped.add(event.choice)
        return
      case 'usage':
        this.usage = grownUsage(this.usage ?? noUsage, event.usage)
        if (event.usage.output !== undefined) this.#countedLength = this.contentLength
        return
      case 'end':
        this.isEnded = true
        return
      case 'signature':
      case 'citation':
        this.isPlainText = false
        return
      case 'block-end':
        // What follows is another block, and of that one nobody knows how it was to go on.
        if (this.text !== '') this.isPlainText = false
        return
      case 'error':
        return
    }
  }

  /** True once every choice has stopped. */
  get isStopped(): boolean {
    const { size } = this.#stopped
    return size >= this.#choices && size === this.#begun.size
  }

  /** True where the upstream has counted all that came. */
  get isCounted(): boolean {
    return this.#countedLength === this.contentLength
  }

  /** P1. */
  get isComplete(): boolean {
    return this.isStopped || (this.isEnded && this.hasContent)
  }

  #takeText(choice: number, text: string): void {
    if (choice !== this.#choice) this.#begun.add(choice)
    this.#choice = choice
    if (text === '') return
    this.hasContent = true
    this.contentLength += text.length
    if (choice !== 0 || this.text.length + text.length > textMax) this.isPlainText = false
    else {
      this.text += text
      this.textPieces += 1
    }
  }
}
