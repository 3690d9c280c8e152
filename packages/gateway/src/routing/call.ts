// Call
//
// A request as a face has understood it, and whom it may be sent to.

import type { AttemptCandidate, RouteTarget } from '@tutti/core/routing'
import type { AnswerReading } from './attempt.ts'
import type { ProviderEntry, RouteEntry } from './directory.ts'

export type ProviderTarget = Extract<RouteTarget, { provider: string }>

export interface Call {
  readonly project: string
  readonly route: RouteEntry
  readonly requestId: string
  readonly signal: AbortSignal
  readonly mayStream: boolean
  /** What to send to a node that answers to `serves`; null where nodes cannot answer such calls. */
  readonly toNode: ((serves: string) => Outbound) | null
  /** What to send to a Provider; null where Providers cannot answer such calls. */
  readonly toProvider:
    | ((provider: ProviderEntry, target: ProviderTarget) => Outbound | Impossible)
    | null
}

export interface Outbound {
  readonly method: 'GET' | 'POST'
  /** Below the endpoint's or the Provider's base URL. */
  readonly path: string
  readonly headers: Readonly<Record<string, string>>
  readonly body: Buffer | null
  readonly reading: AnswerReading
}

/** A request that a target's dialect cannot say. */
export interface Impossible {
  readonly kind: 'impossible'
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
