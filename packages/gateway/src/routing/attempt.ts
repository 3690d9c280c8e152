// Attempt
//
// One try of one request at one URL: what was sent, what came back, and whether somebody else should be asked.
// An answer is whole or it is a failure: nothing truncated is passed on as success (I6).

import { Agent, type Dispatcher } from 'undici'
import { messageOf } from '../failure.ts'
import { assertPublicUrl, publicLookup } from '../governance/index.ts'

export interface UpstreamRequest {
  readonly url: string
  readonly method: 'GET' | 'POST'
  readonly headers: Readonly<Record<string, string>>
  readonly body: Buffer | null
  readonly timeoutMs: number
  readonly signal: AbortSignal
  /** True for answers that may be passed on in parts (server-sent events). */
  readonly mayStream: boolean
  /** False for a Provider that must be on the public network. */
  readonly isTrustedAddress: boolean
}

export type AttemptOutcome =
  | {
      readonly kind: 'whole'
      readonly status: number
      readonly headers: Readonly<Record<string, string>>
      readonly body: Buffer
    }
  | {
      readonly kind: 'stream'
      readonly status: number
      readonly headers: Readonly<Record<string, string>>
      /** The first part has come already: from here on nobody else can answer. */
      readonly first: Buffer
      readonly rest: AsyncIterator<Buffer>
    }
  | { readonly kind: 'failed'; readonly reason: string }

const answerBytesMax = 256 * 2 ** 20
const connectMs = 3_000
// Kept short, so that a connection the other side is about to close is not used for a request.
const keepAliveMs = 10_000

/** The connections of one gateway. */
export class Upstreams {
  readonly #trusted = new Agent({
    connect: { timeout: connectMs },
    keepAliveTimeout: keepAliveMs,
    connections: 256,
  })
  readonly #guarded = new Agent({
    connect: { timeout: connectMs, lookup: publicLookup },
    keepAliveTimeout: keepAliveMs,
    connections: 256,
  })

  async stop(): Promise<void> {
    await Promise.all([this.#trusted.destroy(), this.#guarded.destroy()])
  }

  async attempt(request: UpstreamRequest): Promise<AttemptOutcome> {
    const url = new URL(request.url)
    try {
      if (!request.isTrustedAddress) assertPublicUrl(url)
      const agent = request.isTrustedAddress ? this.#trusted : this.#guarded
      const answer = await agent.request({
        origin: url.origin,
        path: url.pathname + url.search,
        method: request.method,
        headers: request.headers,
        body: request.body,
        headersTimeout: request.timeoutMs,
        bodyTimeout: request.timeoutMs,
        signal: request.signal,
      })
      return await readAnswer(answer, request.mayStream)
    } catch (error) {
      return { kind: 'failed', reason: messageOf(error) }
    }
  }
}

async function readAnswer(
  answer: Dispatcher.ResponseData,
  mayStream: boolean,
): Promise<AttemptOutcome> {
  const { statusCode: status, body } = answer
  const headers = flatten(answer.headers)
  const isStream = (headers['content-type'] ?? '').startsWith('text/event-stream')
  if (mayStream && isStream && status < 300) {
    const rest = body[Symbol.asyncIterator]()
    // the commit barrier: until something came, another may be asked
    const first = await rest.next()
    if (first.done === true)
      return { kind: 'failed', reason: 'the stream ended before its first part' }
    return { kind: 'stream', status, headers, first: first.value, rest }
  }
  const chunks: Buffer[] = []
  let bytes = 0
  for await (const chunk of body) {
    bytes += chunk.length
    if (bytes > answerBytesMax)
      return { kind: 'failed', reason: `over ${answerBytesMax} bytes came back` }
    chunks.push(chunk)
  }
  const announced = headers['content-length']
  if (announced !== undefined && Number(announced) !== bytes) {
    return { kind: 'failed', reason: `${announced} bytes were announced, ${bytes} came` } // I6
  }
  return { kind: 'whole', status, headers, body: Buffer.concat(chunks, bytes) }
}

function flatten(headers: Readonly<Record<string, string | string[] | undefined>>) {
  const flat: Record<string, string> = {}
  for (const [name, value] of Object.entries(headers)) {
    if (value !== undefined) flat[name] = Array.isArray(value) ? value.join(', ') : value
  }
  return flat
}
