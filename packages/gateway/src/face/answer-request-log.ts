// Answer request log
//
// `GET /v1/requests`: the newest records of the caller's project, as JSON lines; with `?follow=true` also each one to
// come, until the caller goes away; `GET /v1/requests/{id}`: one of them. `GET /v1/comparisons`: those of shadows, alike.

import { refuse, sendJson } from './answer.ts'
import type { Exchange } from './exchange.ts'
import type { Logged, RequestLog } from './request-log.ts'

const countDefault = 100
const waitingBytesMax = 2 ** 20 // of a follower that reads slowly; more ends it

export function answerRequestLog<R extends Logged>(log: RequestLog<R>, exchange: Exchange): void {
  const { request, reply, key, dialect } = exchange
  const query = new URLSearchParams(request.url.split('?')[1] ?? '')
  const count = Number(query.get('limit') ?? countDefault)
  if (!Number.isSafeInteger(count) || count < 0) {
    const message = `limit: expected a count, got ${query.get('limit')}`
    return refuse(reply, dialect, { status: 400, code: 'invalid_query', message })
  }
  const isFollowing = query.get('follow') === 'true'
  const send = (record: R) => reply.write(`${JSON.stringify(record)}\n`)
  const stop = !isFollowing
    ? null
    : log.follow({
        onRecord: (record) => {
          if (record.project === key.project) send(record)
          if (reply.waitingBytes > waitingBytesMax) reply.destroy()
        },
        onEnd: () => reply.end(),
      })
  if (isFollowing && stop === null) {
    const message = 'too many follow the requests already'
    return refuse(reply, dialect, { status: 429, code: 'too_many_followers', message })
  }
  reply.header('content-type', 'application/x-ndjson')
  reply.begin(200)
  for (const record of log.newest(key.project, count)) send(record)
  if (stop === null) return reply.end()
  reply.onGone(stop)
}

/** Of several with one id, the newest. */
export function answerRequestRecord(
  log: RequestLog,
  { path, reply, key, dialect }: Exchange,
): void {
  const id = path.slice('/v1/requests/'.length)
  const found = log.find(key.project, id)
  if (found !== null) return sendJson(reply, 200, found)
  const message = `request ${id.slice(0, 128)} is not among the last that this gateway answered`
  refuse(reply, dialect, { status: 404, code: 'request_not_found', message })
}
