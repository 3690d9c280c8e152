// Trace context
//
// The trace that a request belongs to, by W3C Trace Context: what the caller says is honoured and passed on, a request
// without it begins a trace of its own where somebody looks at traces.

import { randomBytes } from 'node:crypto'

/** Whose spans are collected: a share of those that begin a trace, or of all. */
export interface Sampling {
  /** 0 to 1. */
  readonly share: number
  /** True where of others whoever began the trace has decided. */
  readonly isParents: boolean
}

export const sampleAll: Sampling = { share: 1, isParents: true }

export interface TraceContext {
  readonly traceId: string
  /** The caller's span; null for the first of a trace. */
  readonly parentId: string | null
  /** Of this request. */
  readonly spanId: string
  readonly isSampled: boolean
  /** What targets are told. */
  readonly headers: Readonly<Record<string, string>>
}

const form =
  /^(?!ff)([0-9a-f]{2})-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-([0-9a-f]{2})(-.*)?$/
const stateMax = 512 // characters of a tracestate that must be passed on

/** Null where the caller says nothing, or what is none. */
export function callersTrace(
  headers: Readonly<Record<string, unknown>>,
  { share, isParents } = sampleAll,
): TraceContext | null {
  const traceparent = headers['traceparent']
  const tracestate = headers['tracestate']
  if (typeof traceparent !== 'string') return null
  const [, version, traceId, parentId, flags, more] = form.exec(traceparent) ?? []
  if (traceId === undefined || parentId === undefined || flags === undefined) return null
  if (version === '00' && more !== undefined) return null
  const isKept = typeof tracestate === 'string' && tracestate.length <= stateMax
  const state = isKept ? { tracestate } : {}
  const isSampled = isParents ? (Number.parseInt(flags, 16) & 1) === 1 : isOf(share, traceId)
  return contextOf({ traceId, parentId, isSampled, state })
}

export function newTrace({ share } = sampleAll): TraceContext {
  const traceId = randomBytes(16).toString('hex')
  return contextOf({ traceId, parentId: null, isSampled: isOf(share, traceId), state: {} })
}

/**
 * The same of one trace wherever it is asked with the same share: by the part of its id that is
 * random (W3C Trace Context, level 2), as far as a number holds it.
 */
function isOf(share: number, traceId: string): boolean {
  return Number.parseInt(traceId.slice(-14, -1), 16) >= (1 - share) * 2 ** 52
}

function contextOf(of: {
  readonly traceId: string
  readonly parentId: string | null
  readonly isSampled: boolean
  readonly state: Readonly<Record<string, string>>
}): TraceContext {
  const { traceId, parentId, isSampled, state } = of
  const spanId = randomBytes(8).toString('hex')
  const own = { traceId, parentId, spanId, isSampled, headers: state }
  return { ...own, headers: headersOf(own, spanId) }
}

/** What a target is told whose span is another one. */
export function headersOf(
  { traceId, isSampled, headers }: TraceContext,
  spanId: string,
): Readonly<Record<string, string>> {
  return { ...headers, traceparent: `00-${traceId}-${spanId}-${isSampled ? '01' : '00'}` }
}
