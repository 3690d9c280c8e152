// Relay
//
// Passes a streamed answer on to the caller. One that breaks off is continued by another target where that can be
// done without a seam; else the caller is told by an error event and a cut connection.
//
// Invariants:
//   L1. What the caller gets is whole events; after a break nothing that looks finished (I6).
//   L2. A continuation begins exactly where the text that was sent ends: a target that begins anew must give the same
//       text again, else it is not used.
//   L3. A caller who reads slowly slows the upstream down; one who leaves ends it.

import {
  type ChatDialect,
  type ChatEvent,
  type ChatWriter,
  type JsonObject,
  newChatWriter,
  StreamProgress,
  type Usage,
  unplaced,
  writeErrorEvent,
} from '@tutti/core/dialect'
import { isTooDeep } from '../failure.ts'
import {
  type Candidate,
  type FailedAttempt,
  type Pursuit,
  type StreamAttempt,
  whyRefused,
} from '../routing/index.ts'
import type { Reply } from '../wire/index.ts'
import type { Denial } from './denial.ts'
import type { KeptCall } from './kept-call.ts'
import type { Passed, StreamGuard } from './stream-guard.ts'

export interface Relayed {
  readonly outcome: 'complete' | 'broken' | 'aborted' | 'denied'
  readonly usage: Usage | null
  readonly attempts: number
}

export interface RelaySource {
  readonly stream: StreamAttempt
  readonly candidate: Candidate
  readonly pursuit: Pursuit
  /** True where it gives the whole answer again, what was sent included. */
  readonly isAnew: boolean
}

export interface RelayPorts {
  readonly reply: Reply
  readonly requestId: string
  readonly dialect: ChatDialect
  /** As the caller named it, for upstreams that name none. */
  readonly model: string
  /** The caller's request, for dialects that say it back. */
  readonly request: () => JsonObject
  readonly createdS: number
  /** How many the answer is to have. */
  readonly choices: number
  readonly streamUsage: boolean
  /** True where usage was asked for on our own behalf: the caller does not get it. */
  readonly hidesUsage: boolean
  /** Null where no guard looks at the answer. */
  readonly guard: StreamGuard | null
  /** What is kept of the answer, as the model said it; null where nothing is. */
  readonly bodies: KeptCall | null
  /** Somebody who goes on after `sent`, or null where nobody can. */
  readonly continueAfter: (sent: StreamProgress, before: Pursuit) => Promise<RelaySource | null>
}

export class Relay {
  readonly #ports: RelayPorts
  /** All that the caller was sent, over all who answered. */
  readonly #sent: StreamProgress
  /** Null while the bytes of the upstream go on as they are. */
  #writer: ChatWriter | null = null
  /** The text that a guard let pass, where there is one: the caller's, not the model's. */
  #passedText = ''
  /** True once another target goes on; written by `run`. */
  #isContinued = false
  #isDenied = false

  constructor(ports: RelayPorts) {
    this.#ports = ports
    this.#sent = new StreamProgress(ports.choices)
  }

  async run(source: RelaySource): Promise<Relayed> {
    let current = source
    let repeated = '' // what the continuing target must give again before anything new
    const { reply } = this.#ports
    reply.onGone(() => current.stream.stream.cancel()) // L3
    for (;;) {
      const failed = await this.#drain(current, repeated).catch(whyUnwritten)
      if (failed === unwritten) {
        current.stream.stream.cancel()
        current.pursuit.broke(failed)
        return this.#breakOff(current, failed) // L1: also where all of it has come
      }
      if (this.#isDenied) return this.#deny(current, await this.#ports.guard?.judge())
      if (failed === null || this.#sent.isStopped) {
        current.pursuit.finished()
        return this.#finish(current)
      }
      if (reply.isGone) {
        current.pursuit.finished() // the caller's doing, not the target's
        return this.#over(current, 'aborted')
      }
      current.pursuit.broke(failed)
      const next = await this.#continue(current, failed)
      if (next === null) return this.#breakOff(current, failed)
      this.#isContinued = true
      repeated = next.isAnew ? this.#sent.text : ''
      current = next
    }
  }

  /** Sends all that comes; null where it came to its end. */
  async #drain(
    { stream, candidate, isAnew }: RelaySource,
    repeated: string,
  ): Promise<FailedAttempt | null> {
    if (candidate.provider?.dialect !== this.#ports.dialect) this.#translate(stream.progress)
    const repetition = new Repetition(repeated)
    for (;;) {
      const pending = stream.stream.next()
      const turn = pending instanceof Promise ? await pending : pending
      if (turn.kind === 'end') {
        return repetition.isOver ? null : notTheSame
      }
      if (turn.kind === 'broken') return turn.failure
      const fresh = repetition.take(turn.event.events)
      if (fresh === null) {
        stream.stream.cancel()
        return notTheSame // L2
      }
      const events = this.#isContinued ? fresh.map((one) => unplaced(one, isAnew)) : fresh
      for (const event of events) this.#sent.take(event)
      const { guard, bodies } = this.#ports
      if (bodies !== null) bodies.take(events)
      const sending =
        guard === null
          ? this.#send(turn.event.raw, events)
          : this.#pass(guard.push(turn.event.raw, events))
      const isSent = sending instanceof Promise ? await sending : sending
      if (!isSent) return gone
    }
  }

  /** Sends what the guard lets pass; false where nothing more may or can be sent. */
  async #pass({ released, isDenied }: Passed): Promise<boolean> {
    for (const one of released) {
      for (const event of one.events) {
        if (event.kind === 'text' && event.choice === 0) this.#passedText += event.text
      }
      const raw = this.#writer === null ? this.#ports.guard?.frame(one) : one.held
      const isSent = await this.#send(raw ?? one.held, one.events)
      if (!isSent) return false
    }
    this.#isDenied ||= isDenied
    return !isDenied
  }

  /** As where a stream breaks off (L1): what was sent before cannot be taken back. */
  async #deny(current: RelaySource, denial: Denial | null | undefined): Promise<Relayed> {
    current.stream.stream.cancel()
    current.pursuit.finished()
    const { reply, dialect } = this.#ports
    const message = denial?.message ?? 'the guard of this route refuses the answer'
    const error = { status: 403, code: 'guardrail_denied', message }
    await reply.cutAfter(writeErrorEvent(dialect, error))
    return this.#over(current, 'denied')
  }

  #send(raw: Buffer | string, events: readonly ChatEvent[]): Promise<boolean> | boolean {
    if (this.#writer === null) {
      return this.#ports.hidesUsage && isUsageOnly(events) ? true : write(this.#ports.reply, raw)
    }
    const writer = this.#writer
    const frames = events.map((event) => writer.write(event)).join('')
    return frames === '' ? true : write(this.#ports.reply, frames)
  }

  async #continue(current: RelaySource, failed: FailedAttempt): Promise<RelaySource | null> {
    const { isPlainText, text } = this.#sent
    // A stream of Responses that was passed on as it came has a state that nobody can go on from.
    const isStateful = this.#writer === null && this.#ports.dialect === 'openai-responses'
    if (!isPlainText || text === '' || failed === gone || isStateful) return null
    const next = await this.#ports.continueAfter(this.#sent, current.pursuit)
    if (next !== null) this.#translate(this.#sent)
    return next
  }

  /** From here on events are written anew in the caller's dialect. */
  #translate({ id, model }: StreamProgress): void {
    if (this.#writer !== null) return
    const { dialect, request, requestId, createdS, streamUsage, guard } = this.#ports
    const { usage } = this.#sent
    const text = guard === null ? this.#sent.text : this.#passedText
    const sent = text === '' ? null : { text, usage }
    const named = { id: id || requestId, model: model || this.#ports.model }
    const options = { ...named, createdS, streamUsage, sent }
    this.#writer = newChatWriter(dialect, options, request())
  }

  /** Marks the end where the upstream did not. */
  async #finish(current: RelaySource): Promise<Relayed> {
    const { reply, dialect, guard } = this.#ports
    if (guard !== null) {
      const isSent = await this.#pass(guard.end())
      const denial = isSent || this.#isDenied ? await guard.judge() : null
      if (denial !== null || this.#isDenied) return this.#deny(current, denial)
    }
    const wrong = this.#writer?.wrong ?? null
    if (wrong !== null) {
      return await this.#breakOff(current, { kind: 'failed', failure: 'malformed', reason: wrong })
    }
    if (this.#writer !== null) await write(reply, this.#writer.end())
    else if (!this.#sent.isEnded) await write(reply, endMarks[dialect])
    if (reply.isGone) return this.#over(current, 'aborted')
    reply.end()
    return this.#over(current, 'complete')
  }

  /** L1: an error event, and a connection that ends without the end of its message. */
  async #breakOff(current: RelaySource, failed: FailedAttempt): Promise<Relayed> {
    const { reply, dialect } = this.#ports
    const { node, provider } = current.candidate
    const isRefused = provider !== null && failed.failure === 'unauthorized'
    const why = isRefused ? whyRefused(provider, failed) : failed.reason
    const name = node?.name ?? provider?.name ?? ''
    const message = `the answer of ${name} broke off and nobody could go on: ${why}`
    const event = writeErrorEvent(dialect, { status: 502, code: 'stream_broken', message })
    await reply.cutAfter(event)
    return this.#over(current, 'broken')
  }

  #over({ pursuit }: RelaySource, outcome: Relayed['outcome']): Relayed {
    return { outcome, usage: this.#sent.usage, attempts: pursuit.attempts }
  }
}

const notTheSame: FailedAttempt = {
  kind: 'failed',
  failure: 'impossible',
  reason: 'it began anew with another text',
}
const unwritten: FailedAttempt = {
  kind: 'failed',
  failure: 'malformed',
  reason: 'it is nested too deep',
}

/** A document that a model gives may be nested deeper than what writes it anew can go. */
function whyUnwritten(error: unknown): FailedAttempt {
  if (isTooDeep(error)) return unwritten
  throw error
}

const gone: FailedAttempt = { kind: 'failed', failure: 'caller', reason: 'the caller went away' }

/** L2: leaves out of a new answer what the caller has already. */
class Repetition {
  #left: string

  constructor(text: string) {
    this.#left = text
  }

  get isOver(): boolean {
    return this.#left === ''
  }

  /** The events with what is new in them; null where the answer is another one. */
  take(events: readonly ChatEvent[]): readonly ChatEvent[] | null {
    if (this.isOver) return events
    const fresh: ChatEvent[] = []
    for (const event of events) {
      if (event.kind === 'usage' || event.kind === 'citation') fresh.push(event)
      if (['stop', 'tool-start', 'image', 'other'].includes(event.kind)) return null
      if (event.kind !== 'text') continue
      const text = this.#cut(event.text)
      if (text === null) return null
      if (text !== '') fresh.push({ ...event, text })
    }
    return fresh
  }

  #cut(text: string): string | null {
    const overlap = Math.min(text.length, this.#left.length)
    if (text.slice(0, overlap) !== this.#left.slice(0, overlap)) return null
    this.#left = this.#left.slice(overlap)
    return text.slice(overlap)
  }
}

function isUsageOnly(events: readonly ChatEvent[]): boolean {
  const isUsage = events.some(({ kind }) => kind === 'usage')
  return isUsage && events.every(({ kind }) => kind === 'usage' || kind === 'start')
}

const endMarks: Readonly<Record<ChatDialect, string>> = {
  openai: 'data: [DONE]\n\n',
  'openai-responses': '',
  anthropic: 'event: message_stop\ndata: {"type":"message_stop"}\n\n',
  gemini: '',
}

/** False where the caller is gone. */
function write(reply: Reply, bytes: Buffer | string): Promise<boolean> | boolean {
  if (reply.isGone) return false
  return bytes.length === 0 || reply.write(bytes) || reply.drained()
}
