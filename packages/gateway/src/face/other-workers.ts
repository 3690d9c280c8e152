// Other workers
//
// What each of several workers has of its own (records, counts), asked of the others by the caller's own request, so
// that whoever is asked answers for all.

import { Agent, request as send } from '@tutti/machine/http-client'
import { type Incoming, linesOf } from '../wire/index.ts'

/** A request whose key is known. */
interface Asking {
  readonly request: Incoming
}

export interface OtherWorkers {
  /** Which of them this is, from 1; 0 where there is one process alone. */
  readonly place: number
  /** Where the others are asked. */
  readonly urls: () => readonly string[]
  /** Tells that one has come; what comes back ends it. */
  readonly onCome: (listener: () => void) => () => void
}

const ownHeader = 'x-tutti-worker' // whoever is asked with it answers for itself
const answerMsMax = 2_000 // one that does not answer by then is left out
const near = new Agent() // on this machine: through no proxy
const credentials = ['authorization', 'x-api-key', 'x-goog-api-key', 'content-type']

/** True where another worker asks, who asks all others, too. */
export function isForOneAlone({ request }: Asking): boolean {
  return request.headers[ownHeader] !== undefined
}

export interface OwnAnswer {
  readonly status: number
  readonly text: string
}

/** What the others say to the same request. */
export async function askOthers(
  others: OtherWorkers,
  exchange: Asking,
  body: Buffer | null = null,
): Promise<readonly OwnAnswer[]> {
  if (isForOneAlone(exchange)) return []
  const asked = others.urls().map(async (url): Promise<OwnAnswer | null> => {
    try {
      const answer = await ask(url, exchange, { body, bodyTimeout: answerMsMax })
      return { status: answer.statusCode, text: await answer.body.text() }
    } catch {
      return null // it has just died
    }
  })
  return (await Promise.all(asked)).filter((one) => one !== null)
}

/** The records of one that it has, and each to come until `signal`; an empty line is between. */
export async function followOther(
  url: string,
  exchange: Asking,
  of: { readonly onLine: (line: string) => void; readonly signal: AbortSignal },
): Promise<readonly string[]> {
  const before: string[] = []
  try {
    const { statusCode, body } = await ask(url, exchange, { signal: of.signal, bodyTimeout: 0 })
    const lines = linesOf(body)
    for (let next = await lines.next(); next.done !== true; next = await lines.next()) {
      if (statusCode !== 200) break
      if (next.value === '') {
        void passOn(lines, of.onLine)
        break
      }
      before.push(next.value)
    }
  } catch {
    // it has just died, or the caller has gone: what came is all there is
  }
  return before
}

async function passOn(lines: AsyncIterable<string>, onLine: (line: string) => void): Promise<void> {
  try {
    for await (const line of lines) onLine(line)
  } catch {
    // as above
  }
}

async function ask(
  url: string,
  { request }: Asking,
  of: {
    readonly body?: Buffer | null
    readonly signal?: AbortSignal
    readonly bodyTimeout: number
  },
) {
  const headers: Record<string, string> = { [ownHeader]: 'alone' }
  for (const name of credentials) {
    const value = request.headers[name]
    if (typeof value === 'string') headers[name] = value
  }
  const method = request.method === 'POST' ? 'POST' : 'GET'
  return await send(url + request.url, {
    ...{ dispatcher: near, method, headers, headersTimeout: answerMsMax },
    ...of,
  })
}
