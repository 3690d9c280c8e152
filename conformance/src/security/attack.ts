// Attack
//
// What every attack of the suite is given: a fleet to attack, a place to say what held, and requests in a form
// that no client would send.

import { request } from 'node:http'
import type { LocalFleet } from '../local-fleet.ts'
import type { Scoring } from '../score.ts'

export interface Attack {
  readonly fleet: LocalFleet
  readonly scoring: Scoring
}

export interface RawAnswer {
  readonly status: number
  readonly body: string
}

/** One request with exactly these headers; status 0 where the connection was closed on it. */
export function ask(
  url: string,
  options: {
    readonly method?: string
    readonly headers?: Readonly<Record<string, string>>
    readonly body?: string
  } = {},
): Promise<RawAnswer> {
  const { method = 'GET', headers = {}, body } = options
  return new Promise((resolve) => {
    const length = body === undefined ? {} : { 'content-length': String(Buffer.byteLength(body)) }
    const asked = request(url, { method, headers: { ...headers, ...length } }, (answer) => {
      const chunks: Buffer[] = []
      answer.on('data', (chunk: Buffer) => chunks.push(chunk))
      answer.on('end', () => {
        resolve({ status: answer.statusCode ?? 0, body: Buffer.concat(chunks).toString('utf8') })
      })
      answer.on('error', () => resolve({ status: 0, body: '' }))
    })
    asked.on('error', () => resolve({ status: 0, body: '' }))
    asked.end(body)
  })
}

export function bearer(key: string): Record<string, string> {
  return { authorization: `Bearer ${key}` }
}
