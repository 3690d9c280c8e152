// Chat writer
//
// Writes a streamed answer in the words of one dialect, event by event, as server-sent events. It may begin in the
// middle: a stream whose upstream broke off is finished by a writer that knows what was sent already.

import type { ChatEvent, Usage } from './chat.ts'

export interface WriterOptions {
  readonly id: string
  readonly model: string
  /** Seconds since 1970, for dialects that say when. */
  readonly createdS: number
  /** True where the caller wants usage in the stream. */
  readonly streamUsage: boolean
  /** What the caller has of a plain text answer already; null where nothing was sent. */
  readonly sent: { readonly text: string; readonly usage: Usage | null } | null
}

/** Lives as long as one stream. */
export interface ChatWriter {
  /** The frames of one event; empty where it is said later or not at all. */
  readonly write: (event: ChatEvent) => string
  /** Why what was written so far must not end well; absent or null where it may. */
  readonly wrong?: string | null
  /** The frames that end a complete answer. */
  readonly end: () => string
}

type WriteJson = (value: unknown) => string

/** One server-sent event without a name; `json` is another where numbers keep their digits. */
export function dataFrame(data: unknown, json: WriteJson = JSON.stringify): string {
  return `data: ${json(data)}\n\n`
}

/** One server-sent event that is named after its type. */
export function typedFrame(
  event: Readonly<Record<string, unknown>>,
  json: WriteJson = JSON.stringify,
): string {
  return `event: ${event['type']}\ndata: ${json(event)}\n\n`
}
