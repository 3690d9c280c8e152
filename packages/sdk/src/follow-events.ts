// Follow events
//
// Reads a stream of server-sent events, and goes on with it where it broke off.

import { setTimeout as delay } from 'node:timers/promises'

export interface RunEvent {
  /** Its place, with which one goes on after it. */
  readonly id: string | null
  /** The kind of an entry, or `ended`. */
  readonly event: string
  /** The entry, or how the run ended; JSON. */
  readonly data: string
}

const againMs = 1_000
const againMax = 30 // connections in a row that brought nothing: a restart takes less

/** `open` is given the id of the last event. It throws where asking again would not help. */
export async function* followEvents(
  open: (last: string | null) => Promise<Response>,
): AsyncGenerator<RunEvent> {
  let last: string | null = null
  for (let failures = 0; ; failures++) {
    try {
      for await (const event of eventsIn(await open(last))) {
        failures = 0
        last = event.id ?? last
        yield event
        if (event.event === 'ended') return
      }
    } catch (error) {
      const isCut = last !== null && !isRefusal(error)
      if (!isCut || failures >= againMax) throw error
    }
    await delay(againMs)
  }
}

function isRefusal(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'sdk/refused'
}

/** The form of https://html.spec.whatwg.org/#event-stream-interpretation, as far as we send it. */
async function* eventsIn({ body }: Response): AsyncGenerator<RunEvent> {
  if (body === null) return
  let text = ''
  for await (const part of body.pipeThrough(new TextDecoderStream())) {
    text += part
    const blocks = text.split('\n\n')
    text = blocks.pop() ?? ''
    for (const block of blocks) {
      const fields = block.split('\n').map((line) => /^(\w+): ?(.*)$/.exec(line))
      const of = (name: string) => fields.filter((field) => field?.[1] === name)
      const data = of('data').map((field) => field?.[2])
      if (data.length === 0) continue
      const event = of('event')[0]?.[2] ?? 'message'
      yield { event, data: data.join('\n'), id: of('id')[0]?.[2] ?? null }
    }
  }
}
