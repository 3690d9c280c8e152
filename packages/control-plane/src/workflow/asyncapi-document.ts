// AsyncAPI document
//
// Where a channel or an operation of an AsyncAPI document (2 or 3, as JSON) is reached: over which protocol, at which
// address, with which method.

import type { Json } from '@tutti/core/resource'
import { asyncapiRefused, isSpoken, standardError } from '@tutti/core/workflow'
import { z } from 'zod'
import { ActFailed } from './act.ts'

const reference = z.looseObject({ $ref: z.string() })
const bindings = z.looseObject({
  http: z.looseObject({ method: z.string().optional() }).optional(),
})
const server = z.looseObject({
  protocol: z.string(),
  /** 3: without protocol; 2: as a whole. */
  host: z.string().optional(),
  pathname: z.string().optional(),
  url: z.string().optional(),
  variables: z.record(z.string(), z.looseObject({ default: z.string().optional() })).optional(),
})
const legacyOperation = z.looseObject({
  operationId: z.string().optional(),
  bindings: bindings.optional(),
})
const channel = z.looseObject({
  address: z.string().nullish(),
  publish: legacyOperation.optional(),
  subscribe: legacyOperation.optional(),
})
const operation = z.looseObject({ channel: reference, bindings: bindings.optional() })
const asyncapiDocument = z.looseObject({
  asyncapi: z.string(),
  servers: z.record(z.string(), server).default({}),
  channels: z.record(z.string(), channel).default({}),
  operations: z.record(z.string(), operation).default({}),
})
type AsyncapiDocument = z.infer<typeof asyncapiDocument>

export interface Wanted {
  readonly channel?: string | undefined
  readonly operation?: string | undefined
  readonly protocol?: string | undefined
  readonly server?: { readonly name: string; readonly variables: Readonly<Record<string, Json>> }
}

export interface Spot {
  /** A WebSocket; else HTTP, and server-sent events for those who take messages. */
  readonly isSocket: boolean
  readonly url: string
  readonly method: string | null
}

export function findSpot(document: Json, wanted: Wanted): Spot {
  const parsed = asyncapiDocument.safeParse(document)
  if (!parsed.success) throw wrong('the document is no AsyncAPI document')
  const { address, method } = addressOf(parsed.data, wanted)
  const chosen = serverOf(parsed.data, wanted)
  if (!isSpoken(chosen.protocol)) throw wrong(asyncapiRefused(chosen.protocol))
  const given = wanted.server?.variables ?? {}
  const fill = (text: string) =>
    text.replace(/\{(\w+)\}/g, (whole, name: string) => {
      const value = given[name] ?? chosen.variables?.[name]?.default
      return value === undefined ? whole : String(value)
    })
  const scheme = chosen.protocol === 'sse' ? 'http' : chosen.protocol
  const host = chosen.url ?? `${chosen.host}${chosen.pathname ?? ''}`
  const root = fill(host.includes('://') ? host : `${scheme}://${host}`).replace(/\/$/, '')
  const url = `${root}/${fill(address).replace(/^\//, '')}`
  if (!URL.canParse(url)) throw wrong(`${url} is no address`)
  return { isSocket: scheme.startsWith('ws'), url, method }
}

function addressOf(document: AsyncapiDocument, wanted: Wanted) {
  const { channels, operations } = document
  const named = operations[wanted.operation ?? '']
  const id = named?.channel.$ref.split('/').at(-1)?.replaceAll('~1', '/') ?? wanted.channel
  for (const [key, one] of Object.entries(channels)) {
    const address = one.address ?? key
    const own = [one.publish, one.subscribe].find(
      (old) => old?.operationId !== undefined && old.operationId === wanted.operation,
    )
    const isIt = id === undefined ? own !== undefined : id === key || id === address
    if (!isIt) continue
    const method = (named?.bindings ?? own?.bindings)?.http?.method ?? null
    return { address, method }
  }
  throw wrong(`the document has no ${wanted.operation ?? wanted.channel}`)
}

function serverOf({ servers }: AsyncapiDocument, wanted: Wanted) {
  const found = Object.entries(servers).find(([name, { protocol }]) => {
    if (wanted.server !== undefined) return name === wanted.server.name
    return wanted.protocol === undefined ? isSpoken(protocol) : protocol === wanted.protocol
  })
  const [, first] = found ?? Object.entries(servers)[0] ?? []
  const isAsked = wanted.server !== undefined || wanted.protocol !== undefined
  if (first === undefined || (found === undefined && isAsked)) {
    throw wrong(`the document has no server ${wanted.server?.name ?? wanted.protocol ?? ''}`)
  }
  return first
}

function wrong(detail: string): ActFailed {
  return new ActFailed(standardError('configuration', detail))
}
