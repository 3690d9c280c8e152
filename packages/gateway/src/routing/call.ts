// Call
//
// A request as a face has understood it, and whom it may be sent to.

import type { ChatDialect } from '@tutti/core/dialect'
import type { AttemptCandidate, FailureClass, Removed, RouteTarget } from '@tutti/core/routing'
import type { AnswerReading, Spent } from './attempt.ts'
import type { BudgetEntry, ProviderEntry, RouteEntry } from './directory.ts'
import type { Presence } from './presence.ts'

export type ProviderTarget = Extract<RouteTarget, { provider: string }>

export interface Call {
  readonly project: string
  readonly route: RouteEntry
  readonly requestId: string
  readonly presence: Presence
  /** Whom the route's rules leave; null where it has none. */
  readonly selection: Selection | null
  /** Null where nobody looks at traces. */
  readonly trace: CallTrace | null
  readonly mayStream: boolean
  /** What strategies that look at the prompt look at; null where there is none. */
  readonly promptBytes: Buffer | null
  /** The most that an answer can take, for budgets; null where it is free of tokens. */
  readonly bounds: Bounds | null
  /** Whose words are used where it is told what it may say. */
  readonly dialect: ChatDialect
  /** Told what each attempt has cost. */
  readonly onCharge: (charge: Charge) => void
  /** Who pays. */
  readonly budgets: readonly BudgetEntry[]
  /** What to send to a node that answers to `serves`; null where nodes cannot answer such calls. */
  readonly toNode: ((serves: string) => Outbound | Impossible) | null
  /** What to send to a Provider; null where Providers cannot answer such calls. */
  readonly toProvider:
    | ((provider: ProviderEntry, target: ProviderTarget) => Outbound | Impossible)
    | null
}

/** What is asked, of whoever answers, and what that may take. */
export type Saying = Pick<Call, 'toNode' | 'toProvider' | 'bounds'>

/** The trace that a call belongs to. */
export interface CallTrace {
  /** Asked once for each attempt, as it begins. */
  readonly attempt: (candidate: Candidate, route: string) => AttemptTrace
}

export interface AttemptTrace {
  /** What the target is told. */
  readonly headers: Readonly<Record<string, string>>
  /** Told once how it ended; null where nobody wants to know. */
  readonly onOver: ((over: AttemptOver) => void) | null
}

/** How an attempt ended; times as `performance.now` has them. */
export interface AttemptOver {
  readonly how: 'answered' | 'failed' | 'aborted'
  readonly failure: FailureClass | null
  /** 0 where no answer began. */
  readonly status: number
  readonly headersMs: number | null
  readonly firstMs: number | null
}

/** Whom a route's rules leave for one request. */
export interface Selection {
  readonly targets: readonly RouteTarget[]
  readonly removed: readonly Removed[]
  /** The arm of the route's experiment; null where it has none. */
  readonly arm: string | null
  /** Whose request it is, for endpoints that it sticks to. */
  readonly subject: string
}

/** What one attempt has cost. */
export interface Charge {
  readonly candidate: Candidate
  readonly spent: Spent
  /** Null where nobody knows the target's price. */
  readonly costNanos: number | null
  /** See `Price.list`. */
  readonly priceList: string | null
}

export interface Bounds {
  /** Null where it names what is not in it: then as much as the target takes. */
  readonly inputTokens: number | null
  /** Of one answer; null where the request sets no bound: then the target's own one holds. */
  readonly outputTokens: number | null
  readonly answers: number
  /** What list prices of tokens do not hold, such as a tool that the provider runs. */
  readonly unpriced: string | null
}

export interface Outbound {
  readonly method: 'GET' | 'POST'
  /** Below the endpoint's or the Provider's base URL. */
  readonly path: string
  readonly headers: Readonly<Record<string, string>>
  readonly body: Buffer | null
  readonly reading: AnswerReading
  /** Members that it was said without, by the names in the Route. */
  readonly dropped?: readonly string[]
  /** Headers that say who asks, for the very moment at which it is sent. */
  readonly sign?: (at: { readonly host: string; readonly path: string }) => Outbound['headers']
}

/** A request that a target's dialect cannot say. */
export interface Impossible {
  readonly kind: 'impossible'
  readonly code: 'unsupported' | 'no_target'
  readonly field: string
  readonly message: string
}

export interface Candidate extends AttemptCandidate {
  readonly base: string
  readonly outbound: Outbound
  readonly isTrustedAddress: boolean
  /** The node behind it; null for a Provider. */
  readonly node: { readonly name: string; readonly url: string; readonly release: string } | null
  readonly target: RouteTarget
  readonly provider: ProviderEntry | null
}
