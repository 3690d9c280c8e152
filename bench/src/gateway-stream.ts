// Bench: gateway stream
//
// Two hundred streams at once, fifty events a second each: CPU per event, how late an event comes, and whether any is
// lost. Each event says when the engine sent it; engine, proxy and reader share one clock. nginx is the limit. They begin one after
// the other within two seconds: begun at once, the first events would tell how long a queue of two hundred requests is.

import { setTimeout as pause } from 'node:timers/promises'
import { Pool } from 'undici'
import { median } from './gateway-json.ts'
import { cpuMicros, type ProxyServer, startProxyBed } from './proxy-bed.ts'
import { report, round } from './report.ts'

const streams = 200
const events = 250 // as many as the engine sends
const microsMax = 40
const beginMs = 10 // between two streams
const warmStreams = 20

export async function gatewayStream(): Promise<void> {
  const bed = await startProxyBed()
  try {
    const rows = []
    // Portkey 1.15 fails on every stream under Node 20.20 ("immutable" headers of fetch).
    for (const proxy of bed.proxies.filter(
      ({ name }) => name !== 'portkey' && !name.startsWith('bare'),
    )) {
      rows.push(await measure(proxy))
    }
    const [own] = rows
    const value = own?.['CPU µs per event'] ?? 0
    report(rows, {
      ...{ bench: 'gateway-stream', metric: 'CPU per event', value, unit: 'µs' },
      ...{ peer: `bound ${microsMax} µs`, ratio: round(value / microsMax) },
    })
  } finally {
    await bed.stop()
  }
}

async function measure(proxy: ProxyServer) {
  const pool = new Pool(proxy.url, { connections: streams, pipelining: 1 })
  const run = (count: number) =>
    Promise.all(
      Array.from({ length: count }, async (_, i) => {
        await pause(i * beginMs)
        return await follow(pool, proxy)
      }),
    )
  await run(warmStreams)
  const before = cpuMicros(proxy.pids)
  const all = await run(streams)
  const micros = cpuMicros(proxy.pids) - before
  await pool.close()
  const got = all.reduce((sum, { count }) => sum + count, 0)
  return {
    proxy: proxy.name,
    'CPU µs per event': round(micros / (streams * events)),
    'first event late, p50 ms': round(median(all.map(({ firstMs }) => firstMs))),
    'event late, p50 ms': round(median(all.flatMap(({ lateMs }) => lateMs))),
    'events lost': streams * events - got,
  }
}

async function follow(pool: Pool, { headers, name }: ProxyServer) {
  const messages = [{ role: 'user', content: 'tell me of the sea' }]
  const asked = { model: 'm', messages, max_tokens: 200, stream: true }
  const { statusCode, body } = await pool.request({
    ...{ path: '/v1/chat/completions', method: 'POST', body: JSON.stringify(asked) },
    headers: { ...headers, 'content-type': 'application/json' },
  })
  if (statusCode !== 200) throw new Error(`${name} answered ${statusCode}: ${await body.text()}`)
  const lateMs: number[] = []
  let rest = ''
  for await (const chunk of body) {
    const now = process.hrtime.bigint()
    rest += chunk.toString('latin1')
    for (const [, sent = ''] of rest.matchAll(/"content":" (\d+)"\}[^\n]*\n/g)) {
      lateMs.push(Number(now - BigInt(sent)) / 1e6)
    }
    rest = rest.slice(rest.lastIndexOf('\n') + 1)
  }
  return { count: lateMs.length, firstMs: lateMs[0] ?? 0, lateMs }
}
