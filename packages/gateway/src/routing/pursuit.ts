// Pursuit
//
// One request on its way through the targets of its route: asks whom `decideAttempt` names, waits, races where that
// is allowed, until somebody has answered or nobody is left. After a stream broke off it can be asked to go on.
//
// Invariants:
//   T1. A request that any endpoint can answer is answered, whatever is rolled out, cut off or dying (I5): a node
//       that keeps silent is not waited for alone.
//   T2. What the caller did wrong is not tried again elsewhere.
//   T3. At most `attemptsMax` attempts, within `timeoutMs`.
//   T4. One answer counts; what else is on its way is cut, or left alone by all but the circuit of its endpoint
//       (docs/decisions/0036).

import {
  decideAttempt,
  type FailureClass,
  isTargetsFault,
  isUnreadSeal,
  type PastAttempt,
} from '@tutti/core/routing'
import type {
  Attempt,
  AttemptOutcome,
  AttemptTimers,
  StreamAttempt,
  WholeAttempt,
} from './attempt.ts'
import type { Call, Candidate, Impossible } from './call.ts'
import type { FailedAttempt } from './failed-attempt.ts'
import { whyRefused } from './refused-keys.ts'

export type Answer =
  | {
      readonly kind: 'answered'
      readonly outcome: WholeAttempt | StreamAttempt
      readonly candidate: Candidate
      readonly attempts: number
    }
  | {
      /** The upstream's own error, which concerns the caller. */
      readonly kind: 'refused'
      readonly failed: FailedAttempt
      readonly candidate: Candidate
      readonly attempts: number
    }
  | { readonly kind: 'impossible'; readonly impossible: Impossible }
  /** No budget holds what it may cost. */
  | { readonly kind: 'unaffordable'; readonly reason: string }
  | {
      readonly kind: 'unanswered'
      readonly status: 429 | 502 | 503 | 504
      readonly reasons: readonly string[]
      /** What became of the last attempt; null where there was none. */
      readonly last: FailureClass | null
      readonly retryAfterS: number
    }

export interface PursuitPorts {
  readonly candidates: () => {
    readonly able: readonly Candidate[]
    /** Why a target cannot be asked at all. */
    readonly impossible: Impossible | null
  }
  /** What keeps each target from being asked, where none can be. */
  readonly whyNobody: () => readonly string[]
  /**
   * Begins an attempt, or says why it cannot be paid; null where nobody wanted it any more when it
   * could be: then nothing was sent.
   */
  readonly start: (
    candidate: Candidate,
    timers: AttemptTimers,
    isWanted: () => boolean,
  ) => Started | FailedAttempt | Promise<Started | FailedAttempt | null>
  /** What is left of the route's retry budget. */
  readonly retriesLeft: () => number
  readonly spendRetry: () => void
  /** Told of each that is `unauthorized`. */
  readonly refused: (candidate: Candidate, failed: FailedAttempt) => void
  readonly region: string
  readonly nowMs: () => number
  readonly chance: () => number
}

/** An attempt on its way; `over` is called once, with how it went. */
export interface Started {
  readonly attempt: Attempt
  /** A stream has begun, and goes on. */
  readonly begun: () => void
  readonly over: (how: 'answered' | 'failed' | 'aborted') => void
  /** Another has answered: it ends it, and `over` is not called. */
  readonly lost: () => void
}

interface Running {
  readonly started: Started
  readonly candidate: Candidate
  readonly index: number
}

/** One that is over. */
interface Settled {
  readonly running: Running
  readonly outcome: AttemptOutcome
}

interface Past {
  readonly candidate: Candidate
  failed: FailedAttempt | null
}

interface Failure {
  readonly candidate: Candidate
  readonly failed: FailedAttempt
}

// Attempts of one request on their way at a time: as many as a route allows by default.
const hedgedMax = 6
const connectMsDefault = 3_000 // a SYN that was lost is sent again after one second, then two

export class Pursuit {
  readonly #ports: PursuitPorts
  readonly #call: Call
  readonly #untilMs: number
  /** In the order in which they were asked; written by `#launch` and `#settle`. */
  readonly #past: Past[]
  #running: Running[] = []
  /** The last of `#past`, while a budget is asked for it; written by `#launch` and `#settle`. */
  #unpaid: Past | null = null
  /** Who gives the stream that `next` answered with. */
  #streaming: Running | null = null

  /** `before` is the pursuit whose stream broke off, where this one continues it. */
  constructor(ports: PursuitPorts, call: Call, before: Pursuit | null = null) {
    this.#ports = ports
    this.#past = before === null ? [] : [...before.#past]
    this.#call = call
    this.#untilMs = ports.nowMs() + call.route.timeoutMs
    call.presence.onGone(() => this.#cancelAll())
  }

  get attempts(): number {
    return this.#past.length
  }

  /** True where somebody who was asked cannot read what was sealed for another. */
  get hasUnreadSeals(): boolean {
    return this.#past.some(
      ({ failed }) => failed?.error !== undefined && isUnreadSeal(failed.error),
    )
  }

  async next(): Promise<Answer> {
    for (;;) {
      const { able, impossible } = this.#ports.candidates()
      const step = this.#decide(able)
      let settled: Settled | null = null
      if (step.kind === 'ask' && this.#running.length < hedgedMax) {
        if (step.isRetry) this.#ports.spendRetry()
        if (step.afterMs > 0) settled = await this.#pause(step.afterMs)
        if (settled === null && !this.#call.presence.isGone) {
          const launched = this.#launch(step.candidate, able)
          if (launched !== undefined) settled = await this.#answeredBefore(launched)
        }
        if (settled === null && this.#running.length === 0) continue // it could not be paid
      } else if (this.#running.length === 0) {
        return this.#giveUp(impossible)
      }
      if (settled === null) {
        const patienceMs = this.#hedgeMs(able)
        const only = this.#only(patienceMs)
        settled =
          only === null
            ? await this.#firstOf(patienceMs)
            : { running: only, outcome: await only.started.attempt.outcome }
      }
      if (settled === null) continue // nobody has answered yet: another is asked beside them
      const answer = this.#settle(settled.running, settled.outcome)
      if (answer !== null) return answer
    }
  }

  /** The stream that `next` gave broke off. */
  broke(failed: FailedAttempt): void {
    const streaming = this.#streaming
    if (streaming === null) return
    this.#streaming = null
    streaming.started.over(isTargetsFault(failed.failure) ? 'failed' : 'answered')
    const past = this.#past[streaming.index]
    if (past !== undefined) past.failed = failed
    if (failed.failure === 'unauthorized') this.#ports.refused(streaming.candidate, failed)
  }

  /** A streamed answer came to its end. */
  finished(): void {
    this.#streaming?.started.over(this.#call.presence.isGone ? 'aborted' : 'answered')
    this.#streaming = null
  }

  #decide(able: readonly Candidate[]) {
    const { route, presence } = this.#call
    const past = this.#past.length === 0 ? nothingYet : this.#past.map(pastAttempt)
    return decideAttempt(able, past, {
      region: this.#ports.region,
      attemptsMax: route.attemptsMax,
      leftMs: presence.isGone ? 0 : this.#untilMs - this.#ports.nowMs(),
      retryAfterMsMax: route.timers.retryAfterMsMax,
      mayRetry: this.#ports.retriesLeft() >= 1,
      fallback: route.fallback,
      chance: [this.#ports.chance(), this.#ports.chance()],
    })
  }

  /** A promise only where a budget has to be asked for first. */
  #launch(candidate: Candidate, able: readonly Candidate[]): Promise<void> | undefined {
    const index = this.#past.length
    const past: Past = { candidate, failed: null }
    this.#past.push(past)
    this.#unpaid = past
    const isWanted = () => this.#unpaid === past && !this.#call.presence.isGone
    const launched = (started: Started | FailedAttempt | null) => {
      if (this.#unpaid === past) this.#unpaid = null
      if (started === null) return
      if ('kind' in started) past.failed = started
      else if (this.#call.presence.isGone) this.#cancel({ candidate, index, started })
      else this.#running.push({ candidate, index, started })
    }
    const starting = this.#ports.start(candidate, this.#timers(candidate, able), isWanted)
    if (starting instanceof Promise) return starting.then(launched)
    launched(starting)
    return undefined
  }

  /** Who answers while a budget is asked for another; null where nobody has until then. */
  #answeredBefore(launched: Promise<void>): Promise<Settled | null> {
    const answered = this.#running.map(async (running) => {
      const outcome = await running.started.attempt.outcome
      if (outcome.kind !== 'failed') return { running, outcome }
      await launched
      return null
    })
    return Promise.race([launched.then(() => null), ...answered])
  }

  /** Where nobody else is left, an attempt has all the time there is. */
  #timers(candidate: Candidate, able: readonly Candidate[]): AttemptTimers {
    const { timers } = this.#call.route
    const { firstTokenMs, idleMs, streamMs, rateMin = 0, headersMs } = timers
    const leftMs = Math.max(1, this.#untilMs - this.#ports.nowMs())
    const share = this.#shareMs(able, candidate)
    const isAlone = share === leftMs
    const mayRace = candidate.node !== null
    return {
      connectMs: timers.connectMs ?? connectMsDefault,
      wholeMs: leftMs,
      headersMs: isAlone || mayRace ? leftMs : Math.min(leftMs, headersMs ?? share),
      firstTokenMs: isAlone ? leftMs : Math.min(leftMs, firstTokenMs),
      idleMs,
      streamMs,
      rateMin,
    }
  }

  /** What is left of the time, divided among those who may still be asked. */
  #shareMs(able: readonly Candidate[], asked: Candidate): number {
    const leftMs = Math.max(1, this.#untilMs - this.#ports.nowMs())
    if (able.length === 1 && able[0]?.url === asked.url) return leftMs
    const tried = new Set(this.#past.map(({ candidate }) => candidate.url))
    const others = able.filter(({ url }) => url !== asked.url && !tried.has(url)).length
    const turns = this.#call.route.attemptsMax - this.#past.length - 1
    return leftMs / (1 + Math.max(0, Math.min(others, turns, hedgedMax)))
  }

  /** How long to wait before another is asked beside those on their way; Infinity: not at all. */
  #hedgeMs(able: readonly Candidate[]): number {
    const { hedgeMs = Infinity } = this.#call.route.timers
    const [first] = this.#running
    if (first === undefined || this.#running.length >= hedgedMax) return Infinity
    // Asking a second node costs nothing but its time (T1); a Provider is paid for every answer.
    const isNodes = this.#running.every(({ candidate }) => candidate.node !== null)
    if (!isNodes && hedgeMs === Infinity) return Infinity
    if (this.#decide(able).kind === 'stop') return Infinity
    return Math.min(isNodes ? this.#shareMs(able, first.candidate) : Infinity, hedgeMs)
  }

  /** The one that is waited for, however long it takes: by far the most frequent. */
  #only(patienceMs: number): Running | null {
    const [only] = this.#running
    const isAlone = this.#running.length === 1 && patienceMs === Infinity
    return isAlone && only !== undefined ? only : null
  }

  async #firstOf(patienceMs: number): Promise<Settled | null> {
    const outcomes = this.#running.map(async (running) => ({
      running,
      outcome: await running.started.attempt.outcome,
    }))
    if (!Number.isFinite(patienceMs)) return await Promise.race(outcomes)
    let timer: NodeJS.Timeout | undefined
    const patience = new Promise<null>((resolve) => {
      timer = setTimeout(() => resolve(null), patienceMs)
    })
    const first = await Promise.race([...outcomes, patience])
    clearTimeout(timer)
    return first
  }

  #settle(running: Running, outcome: AttemptOutcome): Answer | null {
    const { candidate, index } = running
    // Else the caller has left, and how it went is told already.
    const isOurs = this.#running.includes(running)
    this.#running = this.#running.filter((one) => one !== running)
    const past = this.#past[index]
    if (outcome.kind !== 'failed') {
      if (this.#unpaid !== null) this.#past.pop() // it will not be asked
      this.#unpaid = null
      const answer = { kind: 'answered', outcome, candidate, attempts: this.#past.length } as const
      if (!isOurs) return answer
      for (const loser of this.#running.splice(0)) loser.started.lost() // T4
      if (outcome.kind === 'whole') running.started.over('answered')
      else {
        this.#streaming = running
        running.started.begun()
      }
      return answer
    }
    if (past !== undefined) past.failed = outcome
    if (outcome.failure === 'unauthorized') this.#ports.refused(candidate, outcome)
    if (isOurs) running.started.over(isTargetsFault(outcome.failure) ? 'failed' : 'answered')
    return null
  }

  #cancelAll(): void {
    for (const running of this.#running.splice(0)) this.#cancel(running)
  }

  #cancel({ started }: Running): void {
    started.attempt.cancel()
    started.over('aborted')
  }

  /** T2: what concerns the caller is said in the upstream's words, else why nobody could answer. */
  #giveUp(impossible: Impossible | null): Answer {
    const failures = this.#past.flatMap(({ candidate, failed }) =>
      failed === null ? [] : [{ candidate, failed }],
    )
    const concerning =
      failures.find(({ failed }) => concernsCaller.has(failed.failure)) ??
      (failures.every(({ failed }) => failed.failure === 'absent') ? failures.at(-1) : undefined)
    if (concerning !== undefined) {
      return { kind: 'refused', ...concerning, attempts: this.#past.length }
    }
    if (failures.length === 0 && impossible !== null) return { kind: 'impossible', impossible }
    const isUnpaid =
      failures.length > 0 && failures.every(({ failed }) => failed.failure === 'unaffordable')
    // Nobody could say whether the budget holds it: that passes.
    const isUnsaid = isUnpaid && failures.some(({ failed }) => failed.retryAfterMs !== undefined)
    if (isUnpaid && !isUnsaid) {
      return { kind: 'unaffordable', reason: failures[0]?.failed.reason ?? '' }
    }
    const isLate = this.#ports.nowMs() >= this.#untilMs
    const isLimited =
      failures.length > 0 && failures.every(({ failed }) => failed.failure === 'rate-limited')
    // The first that takes requests again is enough.
    const retryAfterMs = Math.min(...failures.map(({ failed }) => failed.retryAfterMs ?? 1_000))
    const reasons = failures.map(whyFailed)
    const hasSilent = failures.some(({ failed }) => failed.failure === 'silent')
    const isNobodys = failures.length === 0 || isUnsaid
    return {
      kind: 'unanswered',
      status: isLimited ? 429 : isNobodys ? 503 : isLate || hasSilent ? 504 : 502,
      reasons: reasons.length === 0 ? this.#ports.whyNobody() : reasons,
      last: failures.at(-1)?.failed.failure ?? null,
      retryAfterS: isLimited ? Math.ceil(retryAfterMs / 1_000) : 1,
    }
  }

  /** Before one is asked again: whoever is asked beside it may be over first. */
  #pause(ms: number): Promise<Settled | null> {
    if (this.#running.length > 0) return this.#firstOf(ms)
    return new Promise((resolve) => {
      const end = () => {
        clearTimeout(timer)
        forget()
        resolve(null)
      }
      const timer = setTimeout(end, ms)
      const forget = this.#call.presence.onGone(end)
    })
  }
}

/** In names of ours: where a Provider is, and what it says of its key, is no caller's business. */
function whyFailed({ candidate, failed }: Failure): string {
  const { node, provider, base } = candidate
  if (provider !== null && failed.failure === 'unauthorized') return whyRefused(provider, failed)
  return `${node?.name ?? provider?.name ?? base}: ${failed.reason}`
}

const nothingYet: readonly PastAttempt[] = []

const concernsCaller: ReadonlySet<FailureClass> = new Set([
  'caller',
  'content-filter',
  'context-length',
])

function pastAttempt({ candidate, failed }: Past) {
  const { url, tier, release, contextTokens } = candidate
  return {
    url,
    tier,
    release,
    failure: failed?.failure ?? null,
    ...(contextTokens === undefined ? {} : { contextTokens }),
    ...(failed?.retryAfterMs === undefined ? {} : { retryAfterMs: failed.retryAfterMs }),
  }
}
