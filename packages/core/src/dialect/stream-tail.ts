// Stream tail
//
// What the end of a written stream says: why it stopped and what it used, gathered as events come.

import { type ChatEvent, grownUsage, noUsage, type Stop, type Usage } from './chat.ts'
import type { WriterOptions } from './chat-writer.ts'

/** Lives as long as one writer; written by `take` alone. */
export class StreamTail {
  stop: Stop = 'stop'
  sequence: string | undefined
  usage: Usage

  /** Goes on from what was sent before, where a stream is finished for somebody else. */
  constructor({ sent }: Pick<WriterOptions, 'sent'>) {
    this.usage = sent?.usage ?? noUsage
  }

  /** Of several choices the first says why the stream stopped: dialects with one have no other. */
  take(event: ChatEvent): void {
    if (event.kind === 'usage') this.usage = grownUsage(this.usage, event.usage)
    if (event.kind !== 'stop' || event.choice !== 0) return
    this.stop = event.stop
    this.sequence = event.sequence
  }
}
