// Fetch of
//
// How a server of tools is reached: no redirects, no addresses that only a gateway can reach unless the Provider says
// so, and never more bytes than a result may have.

import { Readable } from 'node:stream'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { pause, proxyFor } from '@tutti/machine'
import { Agent, type Dispatcher, ProxyAgent, request } from '@tutti/machine/http-client'
import { messageOf } from '../failure.ts'
import { providerGuard } from '../governance/index.ts'
import type { ToolServerEntry } from '../routing/index.ts'
import { hidingNumbers, showNumbers } from './hidden-numbers.ts'

const answerBytesMax = 16 * 2 ** 20 // lists of tools and results are some kilobytes
const pieceBytes = 4_096 // of an answer, between two turns of the event loop: messages are short
const connectMsMax = 5_000
const answersMin = 8 // to what a server asks, on their way at a time; or one for each call
const connectionClosed = -32_000 // as the SDK has it
/** What tells a connection that was lost from a server's own answer with that code. */
export const connectionLost = 'tutti/connection-lost'
const listenMs = 1_000 // a server that ends it and says `retry: 0` is not asked all the time

export type Fetch = (url: string | URL, init?: RequestInit) => Promise<Response>

const guarded = new Agent({ connect: { lookup: providerGuard.lookup, timeout: connectMsMax } })
const trusted = new Agent({ connect: { timeout: connectMsMax } })

/** `listenMsMin` is between two times that it begins to listen. */
export function fetchOf(
  { allowPrivateNetwork, timeoutMs, callsMax }: ToolServerEntry,
  listenMsMin = listenMs,
): Fetch {
  let listenAtMs = -Infinity // no sooner; written below
  const answersMax = Math.max(answersMin, callsMax)
  let answers = 0 // on their way; written below
  return async (url, init = {}) => {
    const { method = 'GET', body: written = null, signal } = init
    const body = written === null ? null : showNumbers(Buffer.from(String(written)))
    // What a server says by itself, or asks: it hears at once that nobody here answers that.
    const isListening = method === 'GET'
    if (isListening) {
      const nowMs = performance.now()
      listenAtMs = Math.max(nowMs, listenAtMs)
      const waitMs = listenAtMs - nowMs
      listenAtMs += listenMsMin
      if (waitMs > 0) await pause(waitMs, signal ?? never)
    }
    const send = async () =>
      request(url, {
        headersTimeout: timeoutMs,
        bodyTimeout: isListening ? 0 : timeoutMs,
        method: isListening || method === 'DELETE' ? method : 'POST',
        headers: {
          ...Object.fromEntries(new Headers(init.headers)),
          'accept-encoding': 'identity',
        },
        body,
        signal: signal ?? null,
        dispatcher: await dispatcherFor(new URL(url), allowPrivateNetwork),
      })
    if (body !== null && isAnswer(String(body))) {
      if (answers >= answersMax) throw new Error('it asks faster than it takes answers') // S2
      answers += 1
      try {
        return await withoutBody(await send())
      } finally {
        answers -= 1
      }
    }
    const answer = await send()
    const isDone = answer.statusCode === 200
    if (isListening) {
      return isDone && !isOfEvents(answer) ? nothingToHear(answer) : responseOf(answer)
    }
    const asked = isDone && isOfEvents(answer) ? idAtEnd.exec(String(body))?.[1] : undefined
    return responseOf(answer, asked ?? null)
  }
}

const idAtEnd = /"id":(\d+)\}$/ // of what the SDK asks; a note has none

/** What the SDK says back to a server that asks; what it asks itself names a method. */
function isAnswer(body: string): boolean {
  if (body.startsWith('{"method":')) return false // long ones are not read again
  const said: unknown = JSON.parse(body)
  return typeof said === 'object' && said !== null && !('method' in said)
}

/** On its way until its last byte is here: a server could hold it back. */
async function withoutBody({ statusCode, body }: Dispatcher.ResponseData): Promise<Response> {
  await body.dump()
  return new Response(null, { status: statusCode })
}

function isOfEvents({ headers }: Dispatcher.ResponseData): boolean {
  return String(headers['content-type']).includes('text/event-stream')
}

/** A page for people, say: the SDK would take its end for a cut, and come again every second. */
async function nothingToHear({ body }: Dispatcher.ResponseData): Promise<Response> {
  await body.dump()
  return new Response(null, { status: 405 })
}

const never = new AbortController().signal

const proxies = new Map<string, ProxyAgent>() // as many as the environment names

/** A proxy resolves names itself: one that is known here to be private is refused all the same. */
async function dispatcherFor(url: URL, isTrusted: boolean): Promise<Dispatcher> {
  if (!isTrusted) providerGuard.assertHost(url.hostname)
  const proxy = proxyFor(url.href)
  if (proxy === null) return isTrusted ? trusted : guarded
  const why = isTrusted ? null : await providerGuard.whyNotThroughProxy(url.hostname)
  if (why !== null) throw why
  const agent = proxies.get(proxy) ?? new ProxyAgent({ uri: proxy, proxyTunnel: true })
  proxies.set(proxy, agent)
  return agent
}

/** `asked`: the id of what a stream of events answers; null where it answers nothing. */
async function responseOf(
  answer: Dispatcher.ResponseData,
  asked: string | null = null,
): Promise<Response> {
  const { statusCode: status } = answer
  const { 'content-encoding': encoding = 'identity' } = answer.headers
  if (encoding !== 'identity') {
    await answer.body.dump()
    throw new Error(`nobody asked for ${String(encoding)}`)
  }
  const headers = new Headers()
  for (const [name, value] of Object.entries(answer.headers)) {
    if (value !== undefined) headers.set(name, String(value))
  }
  if ([202, 204, 205, 304].includes(status)) {
    await answer.body.dump()
    return new Response(null, { status, headers })
  }
  const pieces = hidingNumbers(bounded(answer.body), isOfEvents(answer) ? 'events' : 'message')
  const body = Readable.from(asked === null ? pieces : answered(pieces, asked))
  return new Response(Readable.toWeb(body), { status, headers })
}

/**
 * The SDK waits on for what a stream that is over did not bring. It is told so at each end: of an
 * answer that has come it takes no notice. One whose events have ids may go on elsewhere.
 */
async function* answered(pieces: AsyncIterable<Buffer>, id: string): AsyncGenerator<Buffer> {
  let tail = '\n'
  let mayGoOn = false
  let why = 'its connection ended before its answer'
  try {
    for await (const piece of pieces) {
      const text = tail + piece.toString('latin1')
      mayGoOn ||= /[\r\n]id:/.test(text)
      tail = text.slice(-3)
      yield piece
    }
  } catch (error) {
    if (mayGoOn) throw error
    why = messageOf(error)
  }
  const closed = { code: connectionClosed, message: why, data: connectionLost }
  if (!mayGoOn) {
    const said = JSON.stringify({ jsonrpc: '2.0', id: Number(id), error: closed })
    yield Buffer.from(`\n\ndata: ${said}\n\n`) // not a text: whoever decodes it takes bytes alone
  }
}

async function* bounded(body: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  let bytes = 0
  for await (const chunk of body) {
    bytes += chunk.length
    if (bytes > answerBytesMax) throw new Error(`more than ${answerBytesMax} bytes came`)
    for (let at = 0; at < chunk.length; at += pieceBytes) {
      if (bytes > pieceBytes) await nextTurn()
      yield chunk.subarray(at, at + pieceBytes)
    }
  }
}
