// Answer request log
//
// `GET /v1/requests`: the newest records of the caller's project, as JSON lines; with `?follow=true` also each one to
// come, and an empty line where there is none for long, until the caller goes away or its key does;
// `GET /v1/requests/{id}`: one of them. `GET /v1/comparisons`: those of shadows, alike. Of several workers each has its
// own: they are asked for them.

import { jsonOf, objectOf } from '@tutti/core/dialect'
import { refuse, sendJson } from './answer.ts'
import { keyOf } from './authenticate.ts'
import type { Exchange, FacePorts } from './exchange.ts'
import { askOthers, followOther, isForOneAlone, type OtherWorkers } from './other-workers.ts'
import type { Logged, RequestLog } from './request-log.ts'

const countDefault = 100
const waitingBytesMax = 2 ** 20 // of a follower that reads slowly; more ends it
// Where nothing is told: whether its key is still there, and that the gateway is: many end what is silent for a minute.
const lookMs = 10_000
const earlyMax = 10_000 // records that come while the others are asked for theirs; more ends it

export interface Recorded<R extends Logged> extends Pick<FacePorts, 'directory' | 'nowMs'> {
  readonly log: RequestLog<R>
  readonly others: OtherWorkers
}

export function answerRequestLog<R extends Logged>(
  from: Recorded<R>,
  exchange: Exchange,
): Promise<void> | void {
  const { request, reply, dialect, key } = exchange
  const query = new URLSearchParams(request.url.split('?')[1] ?? '')
  const count = Number(query.get('limit') ?? countDefault)
  if (!Number.isSafeInteger(count) || count < 0) {
    const message = `limit: expected a count, got ${query.get('limit')}`
    return refuse(reply, dialect, { status: 400, code: 'invalid_query', message })
  }
  const project = query.get('project') ?? key.project
  if (project !== key.project) {
    const whose = `those of ${project.slice(0, 128)} are told to its own keys`
    const message = `this key is of Project ${key.project}: ${whose}`
    return refuse(reply, dialect, { status: 403, code: 'another_project', message })
  }
  return query.get('follow') === 'true'
    ? follow(from, exchange, count)
    : tellNewest(from, exchange, count)
}

async function tellNewest<R extends Logged>(
  { log, others }: Recorded<R>,
  exchange: Exchange,
  count: number,
): Promise<void> {
  const { reply, key } = exchange
  const answers = await askOthers(others, exchange)
  const theirs = answers.flatMap(({ status, text }) =>
    status === 200 ? text.split('\n').filter((line) => line !== '') : [],
  )
  reply.header('content-type', 'application/x-ndjson')
  reply.begin(200)
  const own = log.newest(key.project, count).map((record) => JSON.stringify(record))
  for (const line of newestOf([own, theirs], count)) reply.write(`${line}\n`)
  reply.end()
}

async function follow<R extends Logged>(
  from: Recorded<R>,
  exchange: Exchange,
  count: number,
): Promise<void> {
  const { log, others } = from
  const { reply, key, dialect } = exchange
  const early: string[] = []
  let isCaughtUp = false
  let isQuiet = true // since the last look
  const heedKey = () => {
    if (mayHear(from, exchange)) return
    stop?.()
    end()
  }
  const tell = (line: string) => {
    if (!gone.signal.aborted) heedKey()
    if (gone.signal.aborted) return
    isQuiet = false
    if (isCaughtUp) reply.write(`${line}\n`)
    else early.push(line)
    if (reply.waitingBytes > waitingBytesMax || early.length > earlyMax) reply.destroy()
  }
  const gone = new AbortController()
  const end = () => {
    gone.abort()
    reply.end()
  }
  const stop = log.follow({
    onRecord: (record) => {
      if (record.project === key.project) tell(JSON.stringify(record))
    },
    onEnd: end,
  })
  if (stop === null) {
    const message = 'too many follow the requests already'
    return refuse(reply, dialect, { status: 429, code: 'too_many_followers', message })
  }
  const isAlone = isForOneAlone(exchange)
  const look = () => {
    heedKey()
    if (isQuiet && isCaughtUp && !isAlone && !gone.signal.aborted) reply.write('\n')
    isQuiet = true
  }
  const looking = setInterval(look, lookMs).unref()
  gone.signal.addEventListener('abort', () => clearInterval(looking), { once: true })
  const own = log.newest(key.project, count).map((record) => JSON.stringify(record))
  reply.header('content-type', 'application/x-ndjson')
  reply.begin(200)
  reply.onGone(() => {
    stop()
    gone.abort()
  })
  const of = { onLine: tell, signal: gone.signal }
  const before = isAlone ? [] : await followOthers(others, exchange, of)
  if (gone.signal.aborted) return
  for (const line of newestOf([own, ...before], count)) reply.write(`${line}\n`)
  if (isAlone) reply.write('\n') // what follows is new
  isCaughtUp = true
  for (const line of early.splice(0)) tell(line)
}

/** By the snapshot of now, of whoever began with a key: whether it has it still. */
function mayHear<R extends Logged>({ directory, nowMs }: Recorded<R>, exchange: Exchange): boolean {
  const known = directory()
  const key = known === null ? null : keyOf(exchange.request, known, nowMs())
  return key?.project === exchange.key.project
}

/** What the others have; those to come are followed from their first record on. */
async function followOthers(
  others: OtherWorkers,
  exchange: Exchange,
  of: { readonly onLine: (line: string) => void; readonly signal: AbortSignal },
): Promise<readonly (readonly string[])[]> {
  const followed = new Set<string>()
  const followNew = () => {
    const fresh = others.urls().filter((url) => !followed.has(url))
    for (const url of fresh) followed.add(url)
    return fresh.map((url) => followOther(url, exchange, of))
  }
  const before = followNew()
  const leave = others.onCome(() => {
    for (const came of followNew()) void came.then((lines) => lines.forEach(of.onLine))
  })
  of.signal.addEventListener('abort', leave, { once: true })
  return await Promise.all(before)
}

/** In the order of time; each list is so already. */
function newestOf(lists: readonly (readonly string[])[], count: number): readonly string[] {
  const [only = []] = lists
  if (lists.length === 1) return only
  const timed = lists.flat().map((line) => ({ line, atMs: Number(objectOf(jsonOf(line))['atMs']) }))
  const ordered = timed.sort((a, b) => a.atMs - b.atMs).map(({ line }) => line)
  return ordered.slice(ordered.length - Math.min(count, ordered.length))
}

/** Of several with one id, the newest. */
export async function answerRequestRecord<R extends Logged>(
  { log, others }: Recorded<R>,
  exchange: Exchange,
): Promise<void> {
  const { path, reply, key, dialect } = exchange
  const id = path.slice('/v1/requests/'.length)
  const found = log.find(key.project, id)
  if (found !== null) return sendJson(reply, 200, found)
  const answers = await askOthers(others, exchange)
  const theirs = answers.find(({ status }) => status === 200)
  if (theirs !== undefined) return sendJson(reply, 200, jsonOf(theirs.text))
  const message = `request ${id.slice(0, 128)} is not among the last that this gateway answered`
  refuse(reply, dialect, { status: 404, code: 'request_not_found', message })
}
