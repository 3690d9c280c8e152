// Bench: gateway json, gateway prompt
//
// Small answers to small requests, and to prompts of 100 KB: CPU per request of each proxy, all of them in turn in
// every round, so that a busy machine is busy for all. The gateway has everything on: key, limits, budget, routing,
// breaker, usage, cost, record. `bare node:net` is what Node itself takes: what lies between is ours. Two workers are
// told by what they take per request: the load that would fill them does not fit beside them on a small machine.
//
// TUTTI_BENCH_REQUESTS is how many the long run sends, after which a worker must hold no more memory than before.

import { Pool } from 'undici'
import {
  cpuMicros,
  fullName,
  heldMegabytes,
  type ProxyBedOptions,
  type ProxyServer,
  startProxyBed,
} from './proxy-bed.ts'
import { printTable, report, round } from './report.ts'

const rounds = 5
const connections = 32
// A gateway lives for weeks: what is measured is compiled. After 2,000 requests half of the cost is still the compiler's.
const warmups = 20_000

const longRunDefault = 60_000
const longRunSamples = 40

interface Shape {
  readonly bench: 'gateway-json' | 'gateway-prompt'
  readonly body: string
  readonly bed: ProxyBedOptions
  /** Requests of a round; fewer for the peer, which takes twenty times as long. */
  readonly requests: number
  readonly microsMax: number
}

const bodyOf = (content: string) =>
  JSON.stringify({ model: 'm', messages: [{ role: 'user', content }], max_tokens: 200 })

export async function gatewayJson(): Promise<void> {
  const body = bodyOf('tell me of the sea, '.repeat(45))
  const bed = { more: ['workers'] } as const
  await compare({ bench: 'gateway-json', body, bed, requests: 4_000, microsMax: 60 })
}

export async function gatewayPrompt(): Promise<void> {
  const body = bodyOf('tell me of "the sea",\n and of its depth. '.repeat(2_300))
  const bed = { more: ['full'] } as const
  await compare({ bench: 'gateway-prompt', body, bed, requests: 600, microsMax: 260 })
}

interface Taken {
  readonly micros: number
  readonly perSecond: number
  readonly alone: number
  readonly stallMs: number
}

async function compare(shape: Shape): Promise<void> {
  const bed = await startProxyBed(shape.bed)
  try {
    const taken = new Map<string, Taken[]>()
    for (const proxy of bed.proxies)
      await load(proxy, shape, countOf(proxy, Math.min(warmups, shape.requests * 5)))
    for (let i = 0; i < rounds; i++) {
      for (const proxy of bed.proxies) {
        const list = taken.get(proxy.name) ?? []
        taken.set(proxy.name, [...list, await measure(proxy, shape)])
      }
    }
    const rows = [...taken].map(([name, list]) => ({
      proxy: name,
      'CPU µs per request': round(median(list.map(({ micros }) => micros))),
      'requests/s per core': round(1e6 / median(list.map(({ micros }) => micros))),
      'requests/s here': round(median(list.map(({ perSecond }) => perSecond))),
      'p50 alone µs': round(median(list.map(({ alone }) => alone))),
      'stall max ms': said(median(list.map(({ stallMs }) => stallMs))),
    }))
    if (shape.bench === 'gateway-json') await runLong(bed.proxies, shape)
    const [own] = rows
    const value = own?.['CPU µs per request'] ?? 0
    report(rows, {
      ...{ bench: shape.bench, metric: 'CPU per request', value, unit: 'µs' },
      ...{ peer: `bound ${shape.microsMax} µs`, ratio: round(value / shape.microsMax) },
    })
  } finally {
    await bed.stop()
  }
}

/** Proxies that are not ours do not tell. */
function said(ms: number): number | string {
  return Number.isNaN(ms) ? '-' : round(ms)
}

function countOf({ name }: ProxyServer, count: number): number {
  return name === 'portkey' ? Math.ceil(count / 10) : count
}

async function measure(proxy: ProxyServer, shape: Shape): Promise<Taken> {
  const count = countOf(proxy, shape.requests)
  // While the others had their turns its collector has given memory back, and code with it: that is no request's.
  await load(proxy, shape, Math.ceil(count / 3))
  const before = cpuMicros(proxy.pids)
  const startMs = performance.now()
  await load(proxy, shape, count)
  const seconds = (performance.now() - startMs) / 1_000
  const micros = (cpuMicros(proxy.pids) - before) / count
  const alone = await aloneMicros(proxy, shape)
  const tellStall = proxy.watchStalls?.()
  if (tellStall !== undefined) await load(proxy, shape, Math.ceil(count / 4))
  const stallMs = (await tellStall?.()) ?? Number.NaN
  return { micros, perSecond: count / seconds, alone, stallMs }
}

/** Sends `count` requests over all connections; every answer must be whole. */
async function load(proxy: ProxyServer, shape: Shape, count: number): Promise<void> {
  // As many callers for each worker: what comes together is worked on together, and costs less.
  const callers = connections * (proxy.workers ?? 1)
  const pool = new Pool(proxy.url, { connections: callers, pipelining: 1 })
  let left = count
  const work = async () => {
    while (left > 0) {
      left -= 1
      await ask(pool, proxy, shape)
    }
  }
  await Promise.all(Array.from({ length: callers }, work))
  await pool.close()
}

let asked = 0

/** A request that nobody has asked before, with something to take out of it. */
function another(body: string): string {
  asked += 1
  return body.replace('tell me', `For ann.${asked}@example.org: tell me`)
}

async function ask(pool: Pool, { headers, name }: ProxyServer, shape: Shape): Promise<void> {
  const body = name === fullName ? another(shape.body) : shape.body
  const { statusCode, body: answer } = await pool.request({
    ...{ path: '/v1/chat/completions', method: 'POST', body },
    headers: { ...headers, 'content-type': 'application/json' },
  })
  const text = await answer.text()
  if (statusCode !== 200 || !text.includes('finish_reason')) {
    throw new Error(`${name} answered ${statusCode}: ${text.slice(0, 300)}`)
  }
}

/** What the gateway holds in the course of a long run, and how two workers compare with one. */
async function runLong(proxies: readonly ProxyServer[], shape: Shape): Promise<void> {
  const [own] = proxies
  const [pid = 0] = own?.pids ?? []
  if (own === undefined) return
  const count = Number(process.env['TUTTI_BENCH_REQUESTS'] ?? longRunDefault)
  const held: number[] = []
  for (let i = 0; i < longRunSamples; i++) {
    await load(own, shape, Math.ceil(count / longRunSamples))
    held.push(heldMegabytes(pid))
  }
  const quarter = longRunSamples / 4
  const row = {
    proxy: own.name,
    requests: count,
    'MB in the second quarter': round(median(held.slice(quarter, 2 * quarter))),
    'MB in the last': round(median(held.slice(-quarter))),
    'MB max': round(Math.max(...held)),
  }
  printTable([row])
}

/** The median of requests one after the other. */
async function aloneMicros(proxy: ProxyServer, shape: Shape): Promise<number> {
  const pool = new Pool(proxy.url, { connections: 1, pipelining: 1 })
  const times: number[] = []
  for (let i = 0; i < 100; i++) {
    const startMs = performance.now()
    await ask(pool, proxy, shape)
    times.push((performance.now() - startMs) * 1_000)
  }
  await pool.close()
  return median(times)
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b)
  return sorted[sorted.length >> 1] ?? 0
}
