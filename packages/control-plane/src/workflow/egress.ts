// Egress
//
// How steps reach the outside: one HTTP request, bounded in size and time, to addresses that the control plane may
// be sent to. Documents come from users: a name is resolved here, every address is judged, and the connection
// goes to exactly the address judged.

import { lookup as lookupAll } from 'node:dns/promises'
import { Agent as HttpAgent, request as httpRequest, type IncomingMessage } from 'node:http'
import { Agent as HttpsAgent, request as httpsRequest, type RequestOptions } from 'node:https'
import { isIP, type Socket } from 'node:net'
import type { Readable } from 'node:stream'
import { connect as connectTls } from 'node:tls'
import { standardError } from '@tutti/core/workflow'
import { AddressGuard, openTunnel, proxyFor } from '@tutti/machine'
import { ActFailed } from './act.ts'

export interface OutRequest {
  readonly method: string
  readonly url: string
  readonly headers: Readonly<Record<string, string>>
  /** A function: opens it from its beginning, as often as the request is sent. */
  readonly body: string | (() => Readable) | null
  readonly signal: AbortSignal
  /** Sees the answer as it comes; true: that was enough of it. */
  readonly isEnough?: (chunk: Buffer) => boolean
  /** Takes the body of an answer of 2xx, which is empty then. */
  readonly into?: (chunks: AsyncIterable<Uint8Array>, mediaType: string) => Promise<void>
}

export interface OutAnswer {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  readonly body: Buffer
}

/** The address that a name stands for; throws where it is not to be reached. */
export type Reach = (hostname: string) => Promise<string>

export type Egress = (request: OutRequest) => Promise<OutAnswer>

const answerBytesMax = 64 * 1024 * 1024 // larger outputs belong into a store, by reference
const tunnelMsMax = 10_000
const silenceMs = 120_000 // two minutes without a byte: a model that thinks takes less

const guard = new AddressGuard({
  mayCall: (use) => use === 'public',
  refusal: (address) => {
    const hint = 'unless the control plane was started with --allow-private-calls'
    const detail = `${address} lies in a private network, which workflows may not call ${hint}`
    return new ActFailed(standardError('authorization', detail))
  },
})

// As Node's own agents are, but shared with nobody: a connection that they hold was judged.
const kept = { keepAlive: true, scheduling: 'lifo', timeout: 5_000 } as const
const guardedHttp = new HttpAgent(kept)
const guardedHttps = new HttpsAgent(kept)

/** An egress that reaches public addresses, and private ones where that is allowed. */
export function openEgress({ allowPrivate }: { readonly allowPrivate: boolean }): Egress {
  return (request) => send(request, allowPrivate)
}

/** For protocols that make their own connections: they go to the address given, and to no other. */
export function openReach({ allowPrivate }: { readonly allowPrivate: boolean }): Reach {
  return async (hostname) => {
    const literal = hostname.replace(/^\[|\]$/g, '')
    const found = isIP(literal) === 0 ? await resolved(literal) : [{ address: literal }]
    if (!allowPrivate) for (const { address } of found) guard.assertHost(address)
    return found[0]?.address ?? literal
  }
}

async function resolved(hostname: string): Promise<readonly { readonly address: string }[]> {
  try {
    return await lookupAll(hostname, { all: true })
  } catch (error) {
    throw unreachable(hostname, error)
  }
}

function send(request: OutRequest, allowPrivate: boolean): Promise<OutAnswer> {
  const url = parseUrl(request.url)
  if (!allowPrivate) guard.assertHost(url.hostname)
  const make = url.protocol === 'https:' ? httpsRequest : httpRequest
  return new Promise((resolve, reject) => {
    const fail = (error: unknown) =>
      reject(error instanceof ActFailed ? error : unreachable(url.host, error))
    const { method, headers, signal } = request
    const proxy = proxyFor(url.href)
    const way = proxy === null ? straight(url, allowPrivate) : through({ proxy, url, allowPrivate })
    const out = make(url, { method, headers, signal, ...way })
    out.setTimeout(silenceMs, () => out.destroy(new Error(`silent for ${silenceMs} ms`)))
    out.on('error', fail)
    out.on('response', (answer) => {
      const status = answer.statusCode ?? 0
      if (request.into !== undefined && status >= 200 && status < 300) {
        const mediaType = answer.headers['content-type'] ?? 'application/octet-stream'
        const empty = { status, headers: headersOf(answer), body: Buffer.alloc(0) }
        request.into(answer, mediaType).then(() => resolve(empty), fail)
        return
      }
      const chunks: Buffer[] = []
      let bytes = 0
      const take = () => {
        resolve({ status, headers: headersOf(answer), body: Buffer.concat(chunks) })
      }
      answer.on('data', (chunk: Buffer) => {
        chunks.push(chunk)
        bytes += chunk.length
        if (request.isEnough?.(chunk) === true) {
          take()
          out.destroy()
        }
        if (bytes > answerBytesMax) {
          out.destroy(new Error(`the answer has more than ${answerBytesMax} bytes`))
        }
      })
      answer.on('error', fail)
      answer.on('end', take)
    })
    if (typeof request.body !== 'function') out.end(request.body ?? undefined)
    else
      request
        .body()
        .on('error', (error) => out.destroy(error))
        .pipe(out)
  })
}

function straight({ protocol }: URL, allowPrivate: boolean): RequestOptions {
  if (allowPrivate) return {}
  return { lookup: guard.lookup, agent: protocol === 'https:' ? guardedHttps : guardedHttp }
}

type CreateConnection = NonNullable<RequestOptions['createConnection']>

interface Through {
  readonly proxy: string
  readonly url: URL
  readonly allowPrivate: boolean
}

/**
 * A tunnel through the proxy that the environment names. It resolves the name itself, by its own
 * rules; one that is known here to be private is refused all the same.
 */
function through(of: Through): RequestOptions {
  const createConnection = (_: unknown, told: (error: Error | null, socket?: Socket) => void) => {
    openThrough(of).then(
      (socket) => told(null, socket),
      (error: Error) => told(error),
    )
  }
  // As `request` calls it: what it gives later counts, too.
  return { createConnection: createConnection as unknown as CreateConnection }
}

async function openThrough({ proxy, url, allowPrivate }: Through): Promise<Socket> {
  const why = allowPrivate ? null : await guard.whyNotThroughProxy(url.hostname)
  if (why !== null) throw why
  const isSecure = url.protocol === 'https:'
  const host = `${url.hostname}:${url.port || (isSecure ? '443' : '80')}`
  const opened = await openTunnel({ proxy, host, signal: AbortSignal.timeout(tunnelMsMax) })
  if (typeof opened === 'string') throw new Error(opened)
  if (!isSecure) return opened
  const name = url.hostname.replace(/^\[|\]$/g, '')
  return connectTls({ socket: opened, ...(isIP(name) === 0 ? { servername: name } : {}) })
}

function headersOf({ headers }: IncomingMessage): Readonly<Record<string, string>> {
  const named = Object.entries(headers).map(([name, value]) => [name, String(value)])
  return Object.fromEntries(named)
}

function parseUrl(text: string): URL {
  const url = URL.canParse(text) ? new URL(text) : null
  if (url?.protocol === 'http:' || url?.protocol === 'https:') return url
  throw new ActFailed(standardError('configuration', `${text} is no HTTP address`))
}

function unreachable(host: string, error: unknown): ActFailed {
  const said = error instanceof Error ? error.message : String(error)
  return new ActFailed(standardError('communication', `${host} cannot be reached: ${said}`))
}
