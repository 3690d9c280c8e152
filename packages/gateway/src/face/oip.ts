// OIP
//
// The Open Inference Protocol v2 as a face: `/v2/models/{route}[/versions/{v}]/infer` and the model's pages.
// The body is forwarded byte for byte; only the model's name in the path changes.

import type { IncomingHttpHeaders } from 'node:http'
import type { AnswerReading, Outbound } from '../routing/index.ts'
import { oipReading } from './reading.ts'

export interface OipPath {
  readonly name: string
  /** What follows the model's name, e.g. `/infer` or `/versions/v3/infer`. */
  readonly rest: string
}

/** The model that a path below /v2/models names, or null. No name of ours is written in escapes. */
export function parseOipPath(path: string): OipPath | null {
  const match = /^\/v2\/models\/([^/]+)((?:\/versions\/[\w.-]+)?(?:\/infer|\/ready)?)$/.exec(path)
  const [, name, rest] = match ?? []
  if (name === undefined || rest === undefined) return null
  return { name, rest }
}

// Headers that say what the body is; nothing else of the caller's goes on to a node.
const bodyHeaders = ['content-type', 'inference-header-content-length', 'accept'] as const

/** What goes to a node that answers to `serves`: tensors, written as JSON. */
export function toInfer(serves: string, body: Buffer, reading: AnswerReading): Outbound {
  const path = `/v2/models/${encodeURIComponent(serves)}/infer`
  return { method: 'POST', path, headers: { 'content-type': 'application/json' }, body, reading }
}

/** What goes to a node that answers to `serves`, as the caller said it. */
export function toOipNode(
  { rest }: OipPath,
  request: {
    readonly method: 'GET' | 'POST'
    readonly headers: IncomingHttpHeaders
    readonly body: Buffer | null
  },
): (serves: string) => Outbound {
  const headers: Record<string, string> = {}
  for (const name of bodyHeaders) {
    const value = request.headers[name]
    if (typeof value === 'string') headers[name] = value
  }
  const { method, body } = request
  return (serves) => ({
    method,
    headers,
    body,
    reading: oipReading,
    path: `/v2/models/${encodeURIComponent(serves)}${rest}`,
  })
}
