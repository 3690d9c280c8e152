// Gateway lists
//
// What a gateway tells line by line, in JSON: requests, and comparisons of shadows; those of before, and with `follow` each
// as it comes, for as long as there is somebody to tell it.

import { setTimeout as delay } from 'node:timers/promises'
import { z } from 'zod'
import { Failure } from '../failure.ts'
import { gatewayAway, gatewayOf } from '../home/index.ts'
import { countOf } from './option-values.ts'
import type { SharedOptions } from './shared-options.ts'
import { ToldRecords } from './told-records.ts'

export interface ListOptions extends SharedOptions {
  readonly gateway?: string
  readonly follow?: boolean
  readonly limit: string
}

export type ListPath = '/v1/requests' | '/v1/comparisons'

type Lines = AsyncIterable<Uint8Array>

const againMs = 500
const awayMsMax = 60_000
const againLimit = '100' // what came since it broke off, as far as it is remembered

/** Fails where the list was cut, and where one that is followed has ended. */
export async function readList(
  path: ListPath,
  options: ListOptions,
  tell: (line: string) => void,
): Promise<void> {
  if (options.limit !== '0') countOf('--limit', options.limit)
  if (options.follow === true) return followList(path, options, tell)
  if (!(await eachLine(await listOf(path, options), tell))) throw ended()
}

/** Until the list has ended, not for as long as whoever gives it lasts: a worker may be killed. */
async function followList(
  path: ListPath,
  options: ListOptions,
  tell: (line: string) => void,
): Promise<void> {
  const told = new ToldRecords()
  let body = await listOf(path, options)
  for (let isAgain = false; ; isAgain = true) {
    const tellNew = (line: string) => {
      if (told.isNew(line, isAgain)) tell(line)
    }
    if (await eachLine(body, tellNew)) throw ended()
    process.stderr.write('tutti: the list broke off: asking again (Ctrl-C ends this command)\n')
    body = await listAgain(path, told.isEmpty ? options : { ...options, limit: againLimit })
  }
}

/** Whoever gives it may have to start first. */
async function listAgain(path: ListPath, options: ListOptions): Promise<Lines> {
  const sinceMs = performance.now()
  for (;;) {
    await delay(againMs)
    try {
      return await listOf(path, options)
    } catch (error) {
      const isAway = error instanceof Failure && error.code === 'tutti/gateway-away'
      if (!isAway || performance.now() - sinceMs > awayMsMax) throw error
    }
  }
}

async function listOf(path: ListPath, options: ListOptions): Promise<Lines> {
  const project = options.project ?? process.env['TUTTI_PROJECT']
  const query = new URLSearchParams({
    ...{ limit: options.limit, follow: String(options.follow === true) },
    ...(project === undefined ? {} : { project }), // else the key's own
  })
  const answer = await askGateway(options, `${path}?${query}`)
  if (answer.status === 200 && answer.body !== null) return answer.body
  const said = messageOf(await answer.text())
  const code = answer.status < 500 ? 'tutti/argument-invalid' : 'tutti/gateway-away'
  throw new Failure(code, `the gateway answered ${answer.status}: ${said}`)
}

function ended(): Failure {
  return new Failure('tutti/gateway-away', 'the gateway has ended the list: ask again')
}

export async function askGateway(
  options: Pick<ListOptions, 'gateway' | keyof SharedOptions>,
  path: string,
): Promise<Response> {
  const { key, gateway } = gatewayOf(options)
  try {
    return await fetch(gateway + path, { headers: { authorization: `Bearer ${key}` } })
  } catch (cause) {
    throw gatewayAway(gateway, cause)
  }
}

/** What a refusal says, in whatever form. */
export function messageOf(text: string): string {
  const refusal = z.object({ error: z.object({ message: z.string() }) })
  try {
    return refusal.parse(JSON.parse(text)).error.message
  } catch {
    return text.slice(0, 300)
  }
}

/** False where the list was cut. */
async function eachLine(body: Lines, tell: (line: string) => void): Promise<boolean> {
  const decoder = new TextDecoder()
  const chunks = body[Symbol.asyncIterator]()
  let rest = ''
  for (;;) {
    const next = await chunks.next().catch(() => null)
    if (next === null || next.done === true) return next !== null
    const lines = (rest + decoder.decode(next.value, { stream: true })).split('\n')
    rest = lines.pop() ?? ''
    for (const line of lines) if (line !== '') tell(line) // none: it is still there
  }
}

/** In UTC, to the millisecond. */
export function timeOfDay(ms: number): string {
  return new Date(ms).toISOString().slice(11, 23)
}
