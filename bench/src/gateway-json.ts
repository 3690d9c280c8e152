// Bench: gateway json, gateway prompt
//
// Small answers to small requests, and to prompts of 100 KB: CPU per request of each proxy, all of them in turn in
// every round, so that a busy machine is busy for all. The gateway has everything on: key, limits, budget, routing,
// breaker, usage, cost, record.

import { Pool } from 'undici'
import { cpuMicros, type ProxyServer, startProxyBed } from './proxy-bed.ts'
import { report, round } from './report.ts'

const rounds = 5
const connections = 32
// A gateway lives for weeks: what is measured is compiled. After 2,000 requests half of the cost is still the compiler's.
const warmups = 20_000

interface Shape {
  readonly bench: 'gateway-json' | 'gateway-prompt'
  readonly body: string
  /** Requests of a round; fewer for the peer, which takes twenty times as long. */
  readonly requests: number
  readonly microsMax: number
}

const bodyOf = (content: string) =>
  JSON.stringify({ model: 'm', messages: [{ role: 'user', content }], max_tokens: 200 })

export async function gatewayJson(): Promise<void> {
  const body = bodyOf('tell me of the sea, '.repeat(45))
  await compare({ bench: 'gateway-json', body, requests: 4_000, microsMax: 60 })
}

export async function gatewayPrompt(): Promise<void> {
  const body = bodyOf('tell me of "the sea",\n and of its depth. '.repeat(2_300))
  await compare({ bench: 'gateway-prompt', body, requests: 600, microsMax: 260 })
}

interface Taken {
  readonly micros: number
  readonly perSecond: number
  readonly alone: number
}

async function compare(shape: Shape): Promise<void> {
  const bed = await startProxyBed()
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
    }))
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

function countOf({ name }: ProxyServer, count: number): number {
  return name === 'portkey' ? Math.ceil(count / 10) : count
}

async function measure(proxy: ProxyServer, shape: Shape): Promise<Taken> {
  const count = countOf(proxy, shape.requests)
  const before = cpuMicros(proxy.pid)
  const startMs = performance.now()
  await load(proxy, shape, count)
  const seconds = (performance.now() - startMs) / 1_000
  const micros = (cpuMicros(proxy.pid) - before) / count
  return { micros, perSecond: count / seconds, alone: await aloneMicros(proxy, shape) }
}

/** Sends `count` requests over all connections; every answer must be whole. */
async function load(proxy: ProxyServer, shape: Shape, count: number): Promise<void> {
  const pool = new Pool(proxy.url, { connections, pipelining: 1 })
  let left = count
  const work = async () => {
    while (left > 0) {
      left -= 1
      await ask(pool, proxy, shape)
    }
  }
  await Promise.all(Array.from({ length: connections }, work))
  await pool.close()
}

async function ask(pool: Pool, { headers, name }: ProxyServer, { body }: Shape): Promise<void> {
  const { statusCode, body: answer } = await pool.request({
    ...{ path: '/v1/chat/completions', method: 'POST', body },
    headers: { ...headers, 'content-type': 'application/json' },
  })
  const text = await answer.text()
  if (statusCode !== 200 || !text.includes('finish_reason')) {
    throw new Error(`${name} answered ${statusCode}: ${text.slice(0, 300)}`)
  }
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
