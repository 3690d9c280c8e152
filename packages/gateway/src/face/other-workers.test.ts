// What each worker has of its own, told by the one that is asked: with others that are stubs of themselves.

import { once } from 'node:events'
import { createServer, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterEach, describe, expect, test, vi } from 'vitest'
import type { Directory } from '../routing/index.ts'
import type { Incoming, Reply } from '../wire/index.ts'
import { answerRequestLog } from './answer-request-log.ts'
import type { Exchange } from './exchange.ts'
import { answerFeedback } from './feedback.ts'
import type { OtherWorkers } from './other-workers.ts'
import { RecentRequests } from './recent-requests.ts'
import { RequestLog } from './request-log.ts'

const cleanups: (() => unknown)[] = []
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup()
})

interface Own {
  readonly atMs: number
  readonly project: string
  readonly id: string
}

const followersMax = 100

const record = (atMs: number): Own => ({ atMs, project: 'default', id: `r${atMs}` })
const line = (atMs: number) => `${JSON.stringify(record(atMs))}\n`

async function other(answer: (response: ServerResponse, url: string) => void): Promise<string> {
  const server = createServer((request, response) => {
    request.resume().on('end', () => answer(response, request.url ?? ''))
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  cleanups.push(() => {
    server.closeAllConnections()
    server.close()
  })
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

const headers = { authorization: 'Bearer app' }
const keyed = { keyOfSecret: () => ({ project: 'default' }) } as unknown as Directory
const known = { directory: () => keyed, nowMs: () => 0 }

/** The others, of which more may come. */
function othersAt(...urls: string[]) {
  const listeners = new Set<() => void>()
  const others: OtherWorkers = {
    place: 1,
    urls: () => urls,
    onCome: (listener) => {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
  }
  const come = (url: string) => {
    urls.push(url)
    for (const listener of listeners) listener()
  }
  return { others, come, listeners }
}

/** One request, and what came back so far. */
function exchangeOf(of: Pick<Incoming, 'method' | 'url'>, more: Incoming['headers'] = {}) {
  let text = ''
  let status = 0
  let ends = 0
  let leave = () => {}
  const write = (bytes: Buffer | string) => {
    text += bytes.toString()
    return true
  }
  const reply = {
    ...{ hasBegun: false, isGone: false, waitingBytes: 0, header: () => {}, write },
    end: () => {
      ends += 1
    },
    begin: (said: number) => {
      status = said
    },
    send: (said: number, body: Buffer) => {
      status = said
      write(body)
    },
    onGone: (listener: () => void) => {
      leave = listener
    },
  } as unknown as Reply
  const request: Incoming = {
    ...of,
    headers: { ...headers, ...more },
    body: () => Buffer.alloc(0),
  }
  const exchange = { request, reply, dialect: 'openai', key: { project: 'default' } }
  return {
    exchange: exchange as unknown as Exchange,
    said: () => ({ status, text }),
    ends: () => ends,
    leave: () => leave(),
  }
}

describe('records of all workers', () => {
  test('are told in the order of time, as many as are asked for; who is dead is left out', async () => {
    const log = new RequestLog<Own>((_, one) => one)
    for (const atMs of [1, 4, 5]) log.add(record(atMs))
    const asked: string[] = []
    const there = await other((response, url) => {
      asked.push(url)
      response.end(line(2) + line(3) + line(6))
    })
    const { others } = othersAt(there, 'http://127.0.0.1:1')
    const url = '/v1/requests?limit=4'
    const { exchange, said } = exchangeOf({ method: 'GET', url })
    await answerRequestLog({ ...known, log, others }, exchange)
    expect(said()).toEqual({ status: 200, text: line(3) + line(4) + line(5) + line(6) })
    expect(asked).toEqual([url])
  })

  test('are told of the Project of the key alone, and nothing for those of another that is named', async () => {
    const log = new RequestLog<Own>((_, one) => one)
    log.add(record(1))
    const { others } = othersAt()
    for (const [project, expected] of [
      ['default', { status: 200, text: line(1) }],
      ['other', { status: 403, text: expect.stringContaining('this key is of Project default') }],
    ] as const)
      for (const follow of project === 'other' ? ['true', 'false'] : ['false']) {
        const url = `/v1/requests?project=${project}&follow=${follow}`
        const { exchange, said } = exchangeOf({ method: 'GET', url })
        await answerRequestLog({ ...known, log, others }, exchange)
        expect(said()).toEqual(expected)
      }
  })

  test('are followed, also of one that comes later, until the caller leaves', async () => {
    const log = new RequestLog<Own>((_, one) => one)
    log.add(record(2))
    const followed: ServerResponse[] = []
    const follow = (before: string) =>
      other((response) => {
        response.write(`${before}\n`)
        followed.push(response)
      })
    const { others, come, listeners } = othersAt(await follow(line(1)))
    const { exchange, said, leave } = exchangeOf({ method: 'GET', url: '/v1/requests?follow=true' })
    const following = answerRequestLog({ ...known, log, others }, exchange)
    log.add(record(3)) // while the other is asked for what it has
    await following
    expect(said().text).toBe(line(1) + line(2) + line(3))
    followed[0]?.write(line(4))
    await expect.poll(() => said().text).toContain(line(4))
    come(await follow(line(5)))
    await expect.poll(() => said().text).toContain(line(5))
    const ended = followed.map((response) => once(response, 'close'))
    leave()
    await Promise.all(ended)
    expect(listeners.size).toBe(0)
  })

  test('are told to nobody whose key has gone, and the others are left', async () => {
    const log = new RequestLog<Own>((_, one) => one)
    const followed: ServerResponse[] = []
    const there = await other((response) => {
      response.write('\n')
      followed.push(response)
    })
    const { others, listeners } = othersAt(there)
    const asked = { method: 'GET', url: '/v1/requests?follow=true' }
    const { exchange, said, ends } = exchangeOf(asked)
    const keys = new Map([['app', { project: 'default' }]])
    const directory = { keyOfSecret: (secret: string) => keys.get(secret) }
    const from = { log, others, directory: () => directory as unknown as Directory, nowMs: () => 0 }
    await answerRequestLog(from, exchange)
    log.add(record(1))
    keys.clear()
    const ended = followed.map((response) => once(response, 'close'))
    log.add(record(2))
    log.add(record(3))
    expect([said().text, ends()]).toEqual([line(1), 1])
    await Promise.all(ended)
    expect(listeners.size).toBe(0)
    for (let i = 0; i < followersMax; i++) {
      expect(log.follow({ onRecord: () => {}, onEnd: () => {} })).not.toBeNull()
    }
  })

  test('nobody follows for long whose key has gone, though nothing is told', async () => {
    vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] })
    cleanups.push(() => vi.useRealTimers())
    const log = new RequestLog<Own>((_, one) => one)
    let nowMs = 0
    const directory = { keyOfSecret: () => ({ project: 'default', expiresAtMs: 60_000 }) }
    const from = {
      ...{ log, others: othersAt().others, nowMs: () => nowMs },
      directory: () => directory as unknown as Directory,
    }
    const asked = { method: 'GET', url: '/v1/requests?follow=true' }
    const followers = await Promise.all(
      Array.from({ length: followersMax }, async () => {
        const one = exchangeOf(asked)
        await answerRequestLog(from, one.exchange)
        return one
      }),
    )
    const ends = () => followers.map((one) => one.ends()).join('')
    const end = { onRecord: () => {}, onEnd: () => {} }
    vi.advanceTimersByTime(50_000)
    expect([ends(), log.follow(end)]).toEqual(['0'.repeat(followersMax), null])
    nowMs = 60_000
    vi.advanceTimersByTime(10_000)
    expect(ends()).toBe('1'.repeat(followersMax))
    expect([log.follow(end), vi.getTimerCount()]).toEqual([expect.any(Function), 0])
  })

  test('an empty line says that it is still there, where nothing else was told for ten seconds', async () => {
    vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] })
    cleanups.push(() => vi.useRealTimers())
    const log = new RequestLog<Own>((_, one) => one)
    const asked = { method: 'GET', url: '/v1/requests?follow=true' }
    const { exchange, said, leave } = exchangeOf(asked)
    await answerRequestLog({ ...known, log, others: othersAt().others }, exchange)
    vi.advanceTimersByTime(20_000)
    log.add(record(1))
    vi.advanceTimersByTime(10_000) // it was told something
    vi.advanceTimersByTime(10_000)
    expect(said().text).toBe(`\n\n${line(1)}\n`)
    leave()
    vi.advanceTimersByTime(60_000)
    expect(said().text).toBe(`\n\n${line(1)}\n`)
  })

  test('are its own where another worker asks: what it has, an empty line, what comes', async () => {
    const log = new RequestLog<Own>((_, one) => one)
    log.add(record(1))
    const { others } = othersAt('http://127.0.0.1:1')
    const asked = { method: 'GET', url: '/v1/requests?follow=true' }
    const { exchange, said } = exchangeOf(asked, { 'x-tutti-worker': 'alone' })
    await answerRequestLog({ ...known, log, others }, exchange)
    log.add(record(2))
    expect(said().text).toBe(`${line(1)}\n${line(2)}`)
  })
})

test('feedback goes to the worker that remembers its request', async () => {
  const recent = new RecentRequests()
  const log = new RequestLog((_, one) => one)
  const none = await other((response) => response.writeHead(404).end('{}'))
  const body = Buffer.from('{"request_id":"r1","label":"cat"}')
  const asked = { method: 'POST', url: '/v1/feedback' }
  const nowhere = exchangeOf(asked)
  await answerFeedback({ recent, log, others: othersAt(none).others }, nowhere.exchange, body)
  expect(nowhere.said().status).toBe(404)
  const knows = await other((response) => response.end('{"accepted":true}'))
  const there = exchangeOf(asked)
  await answerFeedback({ recent, log, others: othersAt(none, knows).others }, there.exchange, body)
  expect(there.said()).toEqual({ status: 200, text: '{"accepted":true}' })
})
