// Attempt
//
// One try of one request at one URL. It ends in a whole answer, in a stream whose first content has come, or in a
// failure with its class; it watches its own clocks.
//
// Invariants:
//   E1. A whole answer is complete by HTTP and by its dialect; else it is a failure (I6).
//   E2. A stream is handed out only with its first content (the commit barrier), event by whole event, and ends well
//       only where its dialect says that it is complete (I6).
//   E3. Nothing of it outlives its end: timers are cleared, the connection is freed or cut.

import {
  type ChatEvent,
  type EndsReader,
  noUsage,
  type StreamEvent,
  StreamProgress,
  type Usage,
  type WholeReader,
  type WholeReading,
} from '@tutti/core/dialect'
import { classifyFailure, type ErrorAnswer, type FailureClass } from '@tutti/core/routing'
import { messageOf, whyUnreached } from '../failure.ts'
import { retryAfterMsOf } from '../retry-after.ts'
import type { AnswerController, AnswerHandler, AnswerHeaders } from '../wire/index.ts'
import { EventSplitter, eventBytesMax, type Splitter } from './event-splitter.ts'
import { type EventSource, EventStream } from './event-stream.ts'
import type { FailedAttempt, Headers } from './failed-attempt.ts'
import type { Watch, Watched } from './watch.ts'

/** What an event says, or what is wrong with it. */
export type EventReader = (event: StreamEvent) => readonly ChatEvent[] | string

/** How answers of an upstream are read. */
export interface AnswerReading {
  /** Null where any body will do. */
  readonly whole: WholeReader | null
  /** Of what is long, where its ends may tell enough. */
  readonly ends?: EndsReader
  /** A reader of one stream; absent where such answers are never streamed. */
  readonly events?: () => EventReader
  readonly error: (text: string, status: number) => ErrorAnswer
  /** How many a stream is to have; absent: one. */
  readonly choices?: number
  /** For streams that are no server-sent events. */
  readonly frames?: { readonly contentType: string; readonly splitter: () => Splitter }
}

export interface AttemptTimers {
  /** For a new connection, where there is none for it. */
  readonly connectMs: number
  readonly headersMs: number
  /** From its beginning until an answer is whole, or the first content of a stream there. */
  readonly wholeMs: number
  readonly firstTokenMs: number
  readonly idleMs: number
  readonly streamMs: number
  /** Characters a second; 0: no limit. */
  readonly rateMin: number
}

export interface WholeAttempt {
  readonly kind: 'whole'
  readonly status: number
  readonly headers: Headers
  readonly body: Buffer
  readonly usage: Usage | null
  readonly parsed: unknown
}

export interface StreamAttempt {
  readonly kind: 'stream'
  readonly status: number
  readonly headers: Headers
  readonly stream: EventSource
  readonly progress: StreamProgress
}

/** What an attempt used up, as far as anybody can tell. */
export interface Spent {
  readonly usage: Usage
  /** True where the upstream did not say, so that it is reckoned from what was sent and came. */
  readonly isEstimated: boolean
}

// What is reckoned where nobody counts: tokens of English are four to five characters, of others fewer.
const bytesPerToken = 3

export type AttemptOutcome = WholeAttempt | StreamAttempt | FailedAttempt

const longAnswer = 64 * 2 ** 10 // shorter ones are parsed in a fraction of a millisecond
const endBytes = 2_048
const answerBytesMax = 256 * 2 ** 20
const rateWindowMs = 10_000
// Once every choice has stopped, only usage and the end mark are missing.
const afterStopMs = 2_000

const nothing = Buffer.alloc(0)

type Mode = 'waiting' | 'whole' | 'stream' | 'over'

/** Handles one dispatch; `outcome` settles once. */
export class Attempt implements AnswerHandler, Watched {
  readonly outcome: Promise<AttemptOutcome>
  /** Made where it is asked for: most answers are no streams. */
  #progress: StreamProgress | null = null
  readonly #reading: AnswerReading
  readonly #timers: AttemptTimers
  readonly #mayStream: boolean
  /** Both made with the first bytes of a stream. */
  #splitter: Splitter | null = null
  #readEvent: EventReader | undefined
  readonly #chunks: Buffer[] = []
  #bytes = 0
  #outcome: AttemptOutcome | null = null
  #mode: Mode = 'waiting'
  #isSettled = false
  #wasSent = false
  #settle: (outcome: AttemptOutcome) => void = () => {}
  #controller: AnswerController | null = null
  #status = 0
  #headers: Headers = {}
  #stream: EventStream | null = null
  readonly #watch: Watch
  /** Written by the watch. */
  watchPlace = -1
  /** The clock of the phase at hand; written by `#arm` and `#refresh`. */
  #phaseMs = Infinity
  #phaseUntilMs = Infinity
  #late = ''
  #headersMs: number | null = null
  #firstMs: number | null = null
  /** When a whole answer, or what begins a stream, must be there; then when that must be over. */
  #untilMs: number
  #rateTimer: NodeJS.Timeout | null = null
  /** Whether the caller held it up since the rate was looked at; written when it does, and then. */
  #wasPaused = false
  #lingerTimer: NodeJS.Timeout | null = null

  constructor(
    reading: AnswerReading,
    { timers, watch }: { readonly timers: AttemptTimers; readonly watch: Watch },
    mayStream: boolean,
  ) {
    this.#reading = reading
    this.#timers = timers
    this.#watch = watch
    this.#mayStream = mayStream
    this.outcome = new Promise((resolve) => {
      this.#settle = resolve
    })
    this.#untilMs = this.#arm(timers.headersMs, 'no answer began') + timers.wholeMs
    watch.add(this)
  }

  /** Called by the watch. */
  tick(nowMs: number): void {
    if (nowMs >= this.#untilMs && this.#isSettled) {
      this.#endStream('took longer than a stream may')
    } else if (nowMs >= this.#phaseUntilMs) {
      if (this.#stream?.isPaused === true) this.#refresh()
      else if (this.progress.isComplete) this.#endStream('stopped')
      else this.#fail('silent', `${this.#late} within ${this.#phaseMs} ms`)
    } else if (nowMs >= this.#untilMs) this.#fail('silent', 'the answer took all of the time')
  }

  get isOver(): boolean {
    return this.#mode === 'over'
  }

  get progress(): StreamProgress {
    this.#progress ??= new StreamProgress(this.#reading.choices)
    return this.#progress
  }

  /** How far it came, for whoever traces it. */
  get course() {
    const failure = this.#outcome?.kind === 'failed' ? this.#outcome.failure : null
    const [status, headersMs, firstMs] = [this.#status, this.#headersMs, this.#firstMs]
    return { failure, status, headersMs, firstMs }
  }

  onRequestStart(controller: AnswerController): void {
    this.#controller = controller
    this.#wasSent = true
    if (this.#mode === 'over') controller.abort(new Error('cancelled'))
  }

  onResponseStart(status: number, headers: AnswerHeaders): void {
    if (this.#mode === 'over') return
    this.#status = status
    this.#headers = headers
    const type = this.#reading.frames?.contentType ?? 'text/event-stream'
    const isEvents = (this.#headers['content-type'] ?? '').toLowerCase().startsWith(type)
    if (!this.#mayStream || !isEvents || status >= 300 || this.#reading.events === undefined) {
      this.#mode = 'whole'
      this.#headersMs = this.#arm(this.#timers.firstTokenMs, 'no first byte came')
      return
    }
    const { 'content-encoding': encoding = 'identity' } = headers
    if (encoding !== 'identity') return this.#fail('malformed', `nobody asked for ${encoding}`)
    this.#mode = 'stream'
    this.#stream = new EventStream({
      pause: () => {
        this.#wasPaused = true
        this.#controller?.pause()
      },
      resume: () => {
        this.#controller?.resume()
        this.#refresh()
      },
      cancel: () => this.cancel(),
    })
    this.#headersMs = this.#arm(this.#timers.firstTokenMs, 'no first token came')
  }

  onResponseData(chunk: Buffer): void {
    try {
      this.#take(chunk)
    } catch (error) {
      this.#failReading(error)
    }
  }

  #take(chunk: Buffer): void {
    if (this.#mode === 'whole') return this.#takeChunk(chunk)
    if (this.#mode !== 'stream') return
    this.#splitter ??= this.#reading.frames?.splitter() ?? new EventSplitter()
    this.#readEvent ??= this.#reading.events?.()
    for (const { raw, event, data } of this.#splitter.push(chunk)) {
      this.#takeEvent(raw, data === '' ? [] : (this.#readEvent?.({ event, data }) ?? []))
    }
    if (this.#splitter.why !== null) return this.#fail('malformed', this.#splitter.why)
    if (this.#splitter.heldBytes > eventBytesMax) {
      this.#fail('malformed', `an event of more than ${eventBytesMax} bytes`)
    }
  }

  onResponseEnd(): void {
    this.#controller = null // the connection is free again: nothing is left to cut
    if (this.#lingerTimer !== null) clearTimeout(this.#lingerTimer)
    try {
      if (this.#mode === 'whole') this.#endWhole()
      else if (this.#mode === 'stream') this.#endEvents()
    } catch (error) {
      this.#failReading(error)
    }
  }

  onResponseError(error: Error): void {
    this.#controller = null
    if (this.#lingerTimer !== null) clearTimeout(this.#lingerTimer)
    if (this.#mode === 'over') return
    const hasBegun = this.#mode !== 'waiting'
    if (this.#mode === 'stream') return this.#endStream(`broke off: ${whyUnreached(error)}`)
    this.#fail(hasBegun ? 'truncated' : 'unreachable', whyUnreached(error))
  }

  /** Null where nothing was used: it was never sent, or refused. */
  spent(bodyBytes: number): Spent | null {
    const outcome = this.#outcome
    if (!this.#wasSent || (outcome?.kind === 'failed' && outcome.answer !== undefined)) return null
    if (outcome?.kind === 'whole' && outcome.usage !== null) {
      return { usage: outcome.usage, isEstimated: false }
    }
    const { usage, isComplete, isCounted, contentLength } = this.progress
    if (usage !== null && isComplete && isCounted) return { usage, isEstimated: false }
    const output = Math.ceil(Math.max(this.#bytes, contentLength) / bytesPerToken)
    const input = usage?.input || Math.ceil(bodyBytes / bytesPerToken)
    return {
      usage: { ...noUsage, ...usage, input, output: Math.max(output, usage?.output ?? 0) },
      isEstimated: true,
    }
  }

  /** Ends it without a result that anybody waits for. */
  cancel(): void {
    this.#fail('silent', 'cancelled')
  }

  /** For what fails before anything is sent. */
  refuse(failure: FailureClass, reason: string): void {
    this.#fail(failure, reason)
  }

  /** An upstream nests as deep as it likes, calls of ours do not: that is its failure. */
  #failReading(error: unknown): void {
    this.#fail('malformed', `the answer cannot be read: ${messageOf(error)}`)
  }

  #takeChunk(chunk: Buffer): void {
    this.#bytes += chunk.length
    if (this.#bytes > answerBytesMax) {
      return this.#fail('malformed', `over ${answerBytesMax} bytes came back`)
    }
    if (this.#chunks.length === 0) {
      this.#firstMs = this.#arm(this.#timers.idleMs, 'the answer stalled')
    } else this.#refresh()
    this.#chunks.push(chunk)
  }

  #takeEvent(raw: Buffer, events: readonly ChatEvent[] | string): void {
    if (this.#mode !== 'stream') return
    if (typeof events === 'string') return this.#fail('malformed', events)
    for (const event of events) {
      if (event.kind === 'error') {
        const failure = classifyFailure(event)
        return this.#fail(failure, `${event.status} ${event.message}`, { error: event })
      }
      this.progress.take(event)
    }
    this.#stream?.push({ raw, events })
    if (this.progress.hasContent && !this.#isSettled) this.#commit()
    if (this.progress.isEnded) this.#endStream('ended')
    else if (!this.#isSettled) return
    else if (this.progress.isStopped) this.#arm(afterStopMs, '')
    else this.#refresh()
  }

  /** E2: the first content is there; from here on nobody else answers. */
  #commit(): void {
    if (this.#stream === null) return
    this.#isSettled = true
    this.#firstMs = this.#arm(this.#timers.idleMs, 'the stream stalled')
    this.#untilMs = this.#firstMs + this.#timers.streamMs
    if (this.#timers.rateMin > 0) this.#watchRate(this.#timers.rateMin)
    this.#settle({
      kind: 'stream',
      status: this.#status,
      headers: this.#headers,
      stream: this.#stream,
      progress: this.progress,
    })
  }

  #watchRate(rateMin: number): void {
    let before = this.progress.text.length
    this.#rateTimer = setInterval(() => {
      const { length } = this.progress.text
      const isSlow = ((length - before) * 1_000) / rateWindowMs < rateMin
      const isOurs = this.#wasPaused
      before = length
      this.#wasPaused = this.#stream?.isPaused === true
      if (isSlow && !isOurs && this.progress.isPlainText) {
        this.#fail('silent', `fewer than ${rateMin} characters a second came`)
      }
    }, rateWindowMs)
  }

  /** E1. */
  #endWhole(): void {
    const [only] = this.#chunks
    const isOne = this.#chunks.length === 1 && only !== undefined
    const body = isOne ? only : Buffer.concat(this.#chunks, this.#bytes)
    const announced = this.#headers['content-length']
    if (announced !== undefined && Number(announced) !== this.#bytes) {
      return this.#fail('truncated', `${announced} bytes were announced, ${this.#bytes} came`)
    }
    const [status, headers] = [this.#status, this.#headers]
    const encoding = headers['content-encoding'] ?? 'identity'
    const isPlain = encoding === 'identity'
    if (status >= 300) {
      return this.#refuseAnswer({ status, headers, body: isPlain ? body : nothing }) // no words
    }
    if (!isPlain) return this.#fail('malformed', `nobody asked for ${encoding}`)
    const reading = this.#readWhole(body)
    if (reading?.kind === 'error') {
      return this.#refuseAnswer({ status: reading.status, headers, body })
    }
    if (reading?.kind === 'incomplete') return this.#fail('truncated', reading.reason)
    if (reading === undefined && isEndUnmarked(headers)) {
      return this.#fail('truncated', 'nothing says where the answer ends')
    }
    const { usage = null, parsed = null } = reading ?? {}
    this.#end({ kind: 'whole', status, headers, body, usage, parsed })
  }

  #readWhole(body: Buffer): WholeReading | undefined {
    const { whole, ends } = this.#reading
    if (ends !== undefined && body.length >= longAnswer) {
      const first = body.toString('latin1', 0, endBytes)
      const reading = ends(first, body.toString('utf8', body.length - endBytes))
      if (reading !== null) return reading
    }
    return whole?.(body.toString('utf8'))
  }

  #refuseAnswer(answer: { status: number; headers: Headers; body: Buffer }): void {
    const text = answer.body.toString('utf8')
    const error = this.#reading.error(text, answer.status)
    const retryAfterMs = retryAfterMsOf(answer.headers['retry-after'], Date.now())
    const said = (error.message || text).slice(0, 300)
    this.#fail(classifyFailure(error), `${answer.status} ${said}`, {
      answer,
      error,
      ...(retryAfterMs === null ? {} : { retryAfterMs }),
    })
  }

  /** A last event without its blank line counts where it can be read: nothing of it is missing. */
  #endEvents(): void {
    const last = this.#splitter?.end?.() ?? null
    const read = last === null || last.data === '' ? null : this.#readEvent?.(last)
    if (last !== null && Array.isArray(read)) this.#takeEvent(last.raw, read)
    this.#endStream('ended')
  }

  /** E2. */
  #endStream(how: string): void {
    const { progress } = this
    if (!progress.isComplete) {
      return this.#fail('truncated', `the stream ${how} before the answer was complete`)
    }
    if (!this.#isSettled) this.#commit()
    this.#stream?.finish({ kind: 'end' })
    const controller = this.#controller
    if (progress.isEnded && controller !== null) {
      // Only HTTP's own end is missing: it keeps the connection for the next request.
      this.#controller = null
      const cut = () => controller.abort(new Error('the answer is over, its connection is not'))
      this.#lingerTimer = setTimeout(cut, afterStopMs)
    }
    this.#end(null)
  }

  #fail(failure: FailureClass, reason: string, said: Partial<FailedAttempt> = {}): void {
    const failed: FailedAttempt = { kind: 'failed', failure, reason, ...said }
    this.#stream?.finish({ kind: 'broken', failure: failed })
    this.#end(failed)
  }

  /** E3. */
  #end(outcome: AttemptOutcome | null): void {
    if (this.#mode === 'over') return
    this.#mode = 'over'
    this.#watch.remove(this)
    if (this.#rateTimer !== null) clearTimeout(this.#rateTimer)
    this.#outcome = outcome
    if (outcome !== null && !this.#isSettled) this.#settle(outcome)
    this.#isSettled = true
    this.#controller?.abort(new Error('the attempt is over'))
  }

  /** When it began. */
  #arm(ms: number, what: string): number {
    const nowMs = this.#watch.nowMs()
    this.#phaseMs = ms
    this.#late = what
    this.#phaseUntilMs = nowMs + ms
    return nowMs
  }

  /** The phase at hand has all of its time again. */
  #refresh(): void {
    this.#phaseUntilMs = this.#watch.nowMs() + this.#phaseMs
  }
}

function isEndUnmarked(headers: Headers): boolean {
  return headers['content-length'] === undefined && headers['transfer-encoding'] === undefined
}
