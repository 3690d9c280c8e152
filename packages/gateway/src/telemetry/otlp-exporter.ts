// OTLP exporter
//
// Sends spans and histograms of calls to an OpenTelemetry collector over OTLP/HTTP (JSON), in batches, beside the way
// of requests: a request costs an entry in a list, and a collector that is slow or away costs spans and nothing else.
//
// Invariants:
//   V1. At most `spansMax` spans wait; of more the newest are dropped and counted.
//   V2. One batch of spans, and one of histograms, is on its way at a time; one that the collector cannot take now is
//       tried again, a bounded time.
//   V3. While the collector asks to be left alone it is asked nothing, of either.

import { jsonOf, objectOf } from '@tutti/core/dialect'
import { type Dispatcher, request } from '@tutti/machine/http-client'
import { beginningOf } from '../beginning-of.ts'
import { messageOf } from '../failure.ts'
import { retryAfterMsOf } from '../retry-after.ts'
import { attemptSpan } from './attempt-span.ts'
import { CallHistograms } from './call-histogram.ts'
import { type CallFacts, callSpan } from './call-span.ts'
import { formatFamily } from './metric-families.ts'
import { metricsJson, type Resource, tracesJson } from './otlp-json.ts'
import type { Sampling } from './trace-context.ts'

/** Where something of it goes. */
export interface OtlpSignal {
  readonly url: string
  readonly headers: Readonly<Record<string, string>>
}

export interface OtlpOptions {
  /** Null where nobody wants them. */
  readonly traces: OtlpSignal | null
  readonly metrics: OtlpSignal | null
  readonly sampling: Sampling
  /** What is said of who sends it, besides what it says of itself, or instead. */
  readonly resource: Readonly<Record<string, string>>
}

export interface OtlpPorts {
  readonly resource: Resource
  readonly nowMs: () => number
  /** Resolves then, or as it is aborted. */
  readonly wait: (ms: number, signal: AbortSignal) => Promise<void>
  readonly log: (event: string, fields: Readonly<Record<string, unknown>>) => void
}

const spansMax = 8_192 // some megabytes; ten seconds of 800 requests each
const batchMax = 512 // requests: some two milliseconds of work at a time
const spansEveryMs = 2_000
const metricsEveryMs = 15_000
const sendMsMax = 10_000
const triesMax = 4 // of one batch, over some seven seconds where the collector does not say
const pauseMs = 1_000
const restMsMax = 300_000 // also of one that asks for days: once in so long is no burden
const triedAgain: ReadonlySet<number> = new Set([429, 502, 503, 504]) // by the protocol

export class OtlpExporter {
  readonly #options: OtlpOptions
  readonly #ports: OtlpPorts
  readonly #histograms = new CallHistograms()
  readonly #startMs: number
  readonly #timers: readonly NodeJS.Timeout[]
  readonly #stopping = new AbortController()
  /** Written by `add` and `#flush`. */
  #waiting: CallFacts[] = []
  /** Of requests and attempts that wait; written with `#waiting`. */
  #spans = 0
  #flushing: Promise<void> | null = null
  #telling: Promise<void> | null = null
  /** As long as the collector asked for; written by `#rest`. */
  #resting: Promise<void> | null = null
  /** Spans that were lost. */
  #dropped = 0
  /** URLs of which it was said that they do not take all; written by `#note`. */
  readonly #troubled = new Set<string>()

  constructor(options: OtlpOptions, ports: OtlpPorts) {
    this.#options = options
    this.#ports = ports
    this.#startMs = ports.nowMs()
    this.#timers = [
      setInterval(() => this.flush(), spansEveryMs).unref(),
      setInterval(() => this.#sendMetrics(), metricsEveryMs).unref(),
    ]
  }

  get dropped(): number {
    return this.#dropped
  }

  /** Whose spans are collected; null where nobody's are. */
  get sampling(): Sampling | null {
    return this.#options.traces === null ? null : this.#options.sampling
  }

  /** For Prometheus. */
  format(): string {
    return formatFamily('spans_dropped_total', [['', this.#dropped]])
  }

  add(facts: CallFacts): void {
    if (this.#options.metrics !== null) this.#histograms.add(facts)
    if (this.#options.traces === null || !facts.trace.isSampled) return
    const spans = 1 + facts.asked.length
    if (this.#spans + spans > spansMax) {
      this.#dropped += spans // V1
    } else {
      this.#waiting.push(facts)
      this.#spans += spans
    }
    if (this.#waiting.length === batchMax) void this.flush()
  }

  /** Sends what waits; the same promise while it does. */
  flush(): Promise<void> {
    this.#flushing ??= this.#flush().finally(() => {
      this.#flushing = null
    })
    return this.#flushing
  }

  /** Sends what is left, once, and no more. */
  async stop(): Promise<void> {
    for (const timer of this.#timers) clearInterval(timer)
    const timer = setTimeout(() => this.#stopping.abort(), pauseMs)
    await this.flush()
    await this.#telling // it began without the last of them
    await this.#sendMetrics()
    clearTimeout(timer)
    this.#stopping.abort()
  }

  async #flush(): Promise<void> {
    const { traces } = this.#options
    while (traces !== null && this.#waiting.length > 0) {
      const batch = this.#waiting.splice(0, batchMax)
      const spans = batch.reduce((sum, { asked }) => sum + 1 + asked.length, 0)
      this.#spans -= spans
      const body = tracesJson(batch.flatMap(spansOf), this.#ports.resource)
      const sent = await this.#send(traces, body)
      this.#dropped += sent === null ? spans : Math.min(sent.rejected, spans)
      if (sent === null) return // what came meanwhile waits for the next turn
    }
  }

  #sendMetrics(): Promise<void> {
    this.#telling ??= this.#tellMetrics().finally(() => {
      this.#telling = null
    })
    return this.#telling
  }

  async #tellMetrics(): Promise<void> {
    const histograms = this.#histograms.all
    const { metrics } = this.#options
    if (metrics === null || histograms.length === 0) return
    const { resource, nowMs } = this.#ports
    const of = { resource, startMs: this.#startMs, nowMs: nowMs() }
    await this.#send(metrics, metricsJson(histograms, of))
  }

  /** V2. Null where it was not taken. */
  async #send(to: OtlpSignal, body: string): Promise<Taken | null> {
    for (let tries = 1; tries <= triesMax; tries++) {
      while (this.#resting !== null) await this.#resting // V3
      if (this.#stopping.signal.aborted) break
      const answer = await this.#post(to, body)
      if (typeof answer === 'object') return answer
      if (answer !== 'away' && !triedAgain.has(answer)) break
      const ms = pauseMs * 2 ** (tries - 1)
      if (tries < triesMax) await this.#ports.wait(ms, this.#stopping.signal)
    }
    return null
  }

  /** What was taken of it, or the status that says why it was not. */
  async #post({ url, headers }: OtlpSignal, body: string): Promise<Taken | number | 'away'> {
    const signal = AbortSignal.any([this.#stopping.signal, AbortSignal.timeout(sendMsMax)])
    const options: Parameters<typeof request>[1] = {
      ...{ method: 'POST' as Dispatcher.HttpMethod, body, signal },
      headers: { 'content-type': 'application/json', ...headers },
    }
    try {
      const { statusCode, headers: said, body: bytes } = await request(url, options)
      const text = await beginningOf(bytes)
      if (statusCode < 300) {
        const taken = takenIn(text)
        this.#note(url, taken.message)
        return taken
      }
      this.#note(url, `${statusCode} ${text.slice(0, 200)}`)
      if (triedAgain.has(statusCode)) this.#rest(said['retry-after'])
      return statusCode
    } catch (error) {
      this.#note(url, messageOf(error))
      return 'away'
    }
  }

  #rest(said: string | string[] | undefined): void {
    const { nowMs, wait } = this.#ports
    const ms = retryAfterMsOf([said].flat()[0], nowMs())
    if (ms === null) return
    const resting = wait(Math.min(ms, restMsMax), this.#stopping.signal).finally(() => {
      if (this.#resting === resting) this.#resting = null
    })
    this.#resting = resting
  }

  /** Said once until all is taken again. */
  #note(url: string, reason: string | null): void {
    if (reason === null) return void this.#troubled.delete(url)
    if (this.#troubled.has(url)) return
    this.#troubled.add(url)
    const { origin, pathname } = new URL(url) // who calls himself in it is not told
    const path = origin + pathname
    this.#ports.log('the collector does not take all telemetry', { url: path, reason })
  }
}

/** What a collector has made of what it took. */
interface Taken {
  readonly rejected: number
  /** Null where it has nothing to say. */
  readonly message: string | null
}

/** It may take a part alone, and say why (OTLP specification, Partial Success). */
function takenIn(text: string): Taken {
  const { partialSuccess } = objectOf(jsonOf(text))
  const { rejectedSpans, rejectedDataPoints, errorMessage } = objectOf(partialSuccess)
  const rejected = Number(rejectedSpans ?? rejectedDataPoints ?? 0) // its numbers may be texts
  const isNone = !Number.isSafeInteger(rejected) || rejected <= 0
  const why = typeof errorMessage === 'string' ? errorMessage.slice(0, 200) : ''
  if (isNone && why === '') return { rejected: 0, message: null }
  const count = isNone ? 0 : rejected
  return { rejected: count, message: `it rejected ${count}: ${why || 'it does not say why'}` }
}

/** The request's own, and one below it for each attempt. */
function spansOf(facts: CallFacts) {
  return [callSpan(facts), ...facts.asked.map((one) => attemptSpan(facts, one))]
}
