// Trace context
//
// The trace that a request belongs to, by W3C Trace Context: what the caller says is honoured and passed on, a request
// without it begins a trace of its own where somebody looks at traces.

import { randomBytes } from 'node:crypto'

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
export function callersTrace(headers: Readonly<Record<string, unknown>>): TraceContext | null {
  const traceparent = headers['traceparent']
  const tracestate = headers['tracestate']
  if (typeof traceparent !== 'string') return null
  const [, version, traceId, parentId, flags, more] = form.exec(traceparent) ?? []
  if (traceId === undefined || parentId === undefined || flags === undefined) return null
  if (version === '00' && more !== undefined) return null
  const isKept = typeof tracestate === 'string' && tracestate.length <= stateMax
  const state = isKept ? { tracestate } : {}
  return contextOf({ traceId, parentId, isSampled: (Number.parseInt(flags, 16) & 1) === 1, state })
}

export function newTrace(): TraceContext {
  const traceId = randomBytes(16).toString('hex')
  return contextOf({ traceId, parentId: null, isSampled: true, state: {} })
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
