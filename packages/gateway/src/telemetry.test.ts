// What a collector is told of requests, and what of a caller's trace goes on.

import type { ServerResponse } from 'node:http'
import { routeSpec } from '@tutti/core/routing'
import { didKeyOf } from '@tutti/ledger'
import { pause } from '@tutti/machine'
import { describe, expect, test, vi } from 'vitest'
import {
  cleanups,
  key,
  newFolder,
  serve,
  signed,
  signer,
  toProvider,
} from './gateway-world.fixture.ts'
import { startGateway } from './start.ts'
import { callersTrace, newTrace, OtlpExporter, otlpOptionsOf } from './telemetry/index.ts'
import { Wakes } from './wakes.fixture.ts'

// biome-ignore lint/suspicious/noExplicitAny: what a collector reads
type Json = any

interface Collector {
  readonly url: string
  readonly got: { path: string; headers: Json; body: Json }[]
  readonly until: (path: string) => Promise<Json>
}

/** A collector that answers with these, then always well. */
async function collector(statuses: number[] = []): Promise<Collector> {
  const got: Collector['got'] = []
  const waiters = new Set<() => void>()
  const { url } = await serve((request, response, text) => {
    const status = statuses.shift() ?? 200
    if (status === 200) {
      got.push({ path: request.url ?? '', headers: request.headers, body: JSON.parse(text) })
    }
    response.writeHead(status).end('{}')
    for (const wake of waiters) wake()
  })
  const until = (path: string) =>
    new Promise<Json>((resolve) => {
      const check = () => {
        const found = got.find((one) => one.path === path)
        if (found !== undefined) resolve(found)
      }
      waiters.add(check)
      check()
    })
  return { url, got, until }
}

const attributesOf = (list: Json): Json =>
  Object.fromEntries(list.map(({ key, value }: Json) => [key, Object.values(value)[0]]))

async function gatewayTo(
  url: string | undefined,
  { isFailingFirst = false, env = {} as Record<string, string> } = {},
) {
  const seen: (string | undefined)[] = []
  const engine = await serve((request, response) => {
    seen.push(request.headers['traceparent']?.toString())
    if (isFailingFirst && seen.length === 1) return response.writeHead(503).end('{}')
    response.writeHead(200, { 'content-type': 'application/json' })
    const usage = { prompt_tokens: 10, completion_tokens: 4, total_tokens: 14 }
    const choices = [{ index: 0, message: { content: 'hi' }, finish_reason: 'stop' }]
    response.end(JSON.stringify({ id: 'c', choices, usage }))
  })
  const snapshot = toProvider(`${engine.url}/v1`, true)
  const one = { provider: 'engine', model: 'llama', price: { inputPerMillion: 1 } }
  const targets = isFailingFirst
    ? [
        { ...one, model: 'small' },
        { ...one, tier: 1 },
      ]
    : [one]
  const fallback = { failing: 'next-tier' }
  const spec = routeSpec.parse({ targets, fallback })
  const routes = snapshot.routes.map((route) => ({ ...route, ...spec }))
  const told: Json[] = []
  const plane = await serve((request, response, text) => {
    if (request.url === '/api/v1/usage') told.push(JSON.parse(text))
    if (request.method === 'POST') return response.end('{"granted":[],"unknown":[]}')
    response.writeHead(200, { 'content-type': 'text/event-stream' })
    return response.write(`event: snapshot\ndata: ${signed({ ...snapshot, routes })}\n\n`)
  })
  let isThere = () => {}
  const there = new Promise<void>((resolve) => {
    isThere = resolve
  })
  const gateway = await startGateway({
    ...{ host: '127.0.0.1', port: 0, folder: newFolder(), version: 'v9' },
    controlPlane: { url: plane.url, key: 'k', publicKey: didKeyOf(signer) },
    ...(url === undefined
      ? {}
      : { otlp: optionsOf(url, { OTEL_EXPORTER_OTLP_HEADERS: 'x-tenant=t', ...env }) }),
    log: (event) => (event === 'snapshot' ? isThere() : null),
  })
  let isStopped = false
  const stop = () => {
    if (!isStopped) return gateway.stop()
    return undefined
  }
  cleanups.push(stop)
  await there
  const post = (path: string, body: object, headers: Record<string, string> = {}) =>
    fetch(gateway.url + path, {
      method: 'POST',
      headers: { authorization: `Bearer ${key}`, ...headers },
      body: JSON.stringify(body),
    })
  const messages = [{ role: 'user', content: 'secret words' }]
  const ask = (headers: Record<string, string> = {}) =>
    post('/v1/chat/completions', { model: 'chat', messages }, headers)
  return {
    ...{ ask, post },
    seen,
    told,
    stop: async () => {
      await gateway.stop()
      isStopped = true
    },
  }
}

/** As the environment says it. */
function optionsOf(OTEL_EXPORTER_OTLP_ENDPOINT: string, more: Record<string, string> = {}) {
  const options = otlpOptionsOf({ OTEL_EXPORTER_OTLP_ENDPOINT, ...more })
  if (options === undefined) throw new Error('it names a collector')
  return options
}

const parent = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01'

describe('a collector', () => {
  test('gets a span and histograms of each call, named by the conventions, without its contents', async () => {
    const to = await collector()
    const { ask, seen, stop } = await gatewayTo(to.url)
    expect((await ask({ traceparent: parent, tracestate: 'a=b' })).status).toBe(200)
    expect((await ask({ 'x-request-id': 'own' })).status).toBe(200)
    await stop() // what waits is sent
    const { headers, body } = await to.until('/v1/traces')
    expect(headers['x-tenant']).toBe('t')
    const [{ resource, scopeSpans }] = body.resourceSpans
    expect(attributesOf(resource.attributes)).toMatchObject({ 'service.name': 'tutti-gateway' })
    const [first, asked, second, askedSecond] = scopeSpans[0].spans
    expect(first).toMatchObject({
      ...{ name: 'chat chat', kind: 3, status: {} },
      ...{ traceId: parent.slice(3, 35), parentSpanId: parent.slice(36, 52) },
    })
    expect(seen[0]).toBe(`00-${first.traceId}-${asked.spanId}-01`)
    expect(seen[1]).toBe(`00-${second.traceId}-${askedSecond.spanId}-01`)
    expect(second.parentSpanId).toBeUndefined()
    expect(attributesOf(second.attributes)).toMatchObject({
      'gen_ai.operation.name': 'chat',
      'gen_ai.provider.name': 'openai',
      'gen_ai.request.model': 'chat',
      'gen_ai.response.model': 'llama',
      'gen_ai.usage.input_tokens': '10',
      'gen_ai.usage.output_tokens': '4',
      'http.response.status_code': '200',
      'tutti.request.id': 'own',
      'tutti.cost.dollars': 0.00001,
    })
    expect(BigInt(first.endTimeUnixNano) > BigInt(first.startTimeUnixNano)).toBe(true)
    const metrics = (await to.until('/v1/metrics')).body.resourceMetrics[0].scopeMetrics[0].metrics
    const named = Object.fromEntries(metrics.map((one: Json) => [one.name, one]))
    const duration = named['gen_ai.client.operation.duration'].histogram
    expect(duration.aggregationTemporality).toBe(2)
    expect(duration.dataPoints[0].count).toBe('2')
    const tokens = named['gen_ai.client.token.usage'].histogram.dataPoints
    const sums = tokens.map((one: Json) => [
      attributesOf(one.attributes)['gen_ai.token.type'],
      one.sum,
      one.bucketCounts.indexOf('2'),
    ])
    expect(sums).toEqual([
      ['input', 20, 2], // over 4, up to 16
      ['output', 8, 1],
    ])
    expect(JSON.stringify(to.got)).not.toContain('secret words')
  })

  test.each(['/v1', '/v1alpha', '/v1beta'])(
    'hears what Gemini’s clients ask below %s',
    async (base) => {
      const to = await collector()
      const { post, stop } = await gatewayTo(to.url)
      const path = `${base}/models/chat:generateContent`
      // Whatever else it says: no other dialect has such a path.
      const headers = { 'anthropic-version': '2023-06-01' }
      const answer = await post(path, { contents: [{ parts: [{ text: 'hi' }] }] }, headers)
      expect(await answer.json()).toMatchObject({ candidates: [{ finishReason: 'STOP' }] })
      await stop()
      const { body } = await to.until('/v1/traces')
      const [call] = body.resourceSpans[0].scopeSpans[0].spans
      expect(attributesOf(call.attributes)['gen_ai.operation.name']).toBe('generate_content')
    },
  )

  test('gets a span below it for each attempt: whom it asked, when he began, how it ended', async () => {
    const to = await collector()
    const { ask, seen, stop } = await gatewayTo(to.url, { isFailingFirst: true })
    expect((await ask()).status).toBe(200)
    await stop()
    const { body } = await to.until('/v1/traces')
    const [call, failed, answered] = body.resourceSpans[0].scopeSpans[0].spans
    expect(attributesOf(call.attributes)['tutti.attempts']).toBe('2')
    for (const [i, one] of [failed, answered].entries()) {
      expect(one).toMatchObject({ kind: 3, traceId: call.traceId, parentSpanId: call.spanId })
      expect(seen[i]).toBe(`00-${call.traceId}-${one.spanId}-01`)
      expect(BigInt(one.startTimeUnixNano)).toBeGreaterThanOrEqual(BigInt(call.startTimeUnixNano))
      expect(BigInt(one.endTimeUnixNano)).toBeLessThanOrEqual(BigInt(call.endTimeUnixNano))
      const { 'server.address': host, ...of } = attributesOf(one.attributes)
      expect(host).toBe('127.0.0.1')
      expect(of['tutti.attempt.time_to_headers']).toBeGreaterThan(0)
      expect(of).not.toHaveProperty('gen_ai.usage.input_tokens') // they are the request's
    }
    expect(failed).toMatchObject({ name: 'attempt engine/small', status: { message: 'failing' } })
    expect(attributesOf(failed.attributes)).toMatchObject({
      ...{ 'error.type': 'failing', 'tutti.attempt.outcome': 'failing', 'tutti.route': 'chat' },
      ...{ 'http.response.status_code': '503', 'gen_ai.request.model': 'small' },
    })
    expect(answered).toMatchObject({ name: 'attempt engine/llama', status: {} })
    expect(attributesOf(answered.attributes)).toMatchObject({
      ...{ 'tutti.attempt.outcome': 'answered', 'http.response.status_code': '200' },
    })
  })

  test('of histograms alone is told no trace: one is passed on, none is begun', async () => {
    const { url, got } = await collector()
    const { ask, seen, stop } = await gatewayTo(url, { env: { OTEL_TRACES_EXPORTER: 'none' } })
    await ask()
    await ask({ traceparent: parent })
    await stop()
    expect([seen[0], seen[1]?.slice(0, 35)]).toEqual([undefined, parent.slice(0, 35)])
    expect(new Set(got.map(({ path }) => path))).toEqual(new Set(['/v1/metrics']))
  })

  test('that is not wanted changes nothing: a trace is passed on, none is begun', async () => {
    const { ask, seen } = await gatewayTo(undefined)
    await ask()
    await ask({ traceparent: parent })
    expect(seen[0]).toBeUndefined()
    expect(seen[1]).toMatch(/^00-0af7651916cd43dd8448eb211c80319c-[0-9a-f]{16}-01$/)
  })
})

test('the control plane is told what each request used, once, the last of it when the gateway stops', async () => {
  const { ask, stop, told } = await gatewayTo(undefined)
  await ask()
  await ask()
  await stop()
  const rows = told.flatMap((one) => one.rows)
  const sum = (name: string) => rows.reduce((total: number, row: Json) => total + row[name], 0)
  expect(rows[0]).toMatchObject({ project: 'default', key: 'app', route: 'chat' })
  expect(rows[0].model).toBe('engine/llama')
  expect([sum('requests'), sum('failed'), sum('inputTokens')]).toEqual([2, 0, 20])
  expect([sum('outputTokens'), sum('costNanos'), sum('unpriced')]).toEqual([8, 20_000, 0])
})

describe('the exporter', () => {
  const facts = () => ({
    ...{ trace: newTrace(), operation: 'chat', project: 'p', key: 'k', route: 'r', requestId: 'i' },
    ...{ provider: 'gemini', model: 'm', startMs: 1, endMs: 2, firstMs: 1.5, status: 200 },
    ...{
      attempts: 1,
      inputTokens: 1,
      outputTokens: 1,
      cachedTokens: 0,
      costNanos: 0,
      cached: null,
    },
    ...{ offsetMs: 0, asked: [] },
  })
  const ports = {
    ...{
      resource: { version: '1', instance: 'i', attributes: {} },
      nowMs: () => 3,
      wait: pause,
      log: () => {},
    },
  }
  const spansOf = ({ got }: Collector) =>
    got.flatMap(({ path, body }) =>
      path === '/v1/traces' ? body.resourceSpans[0].scopeSpans[0].spans : [],
    )

  test('tries again what the collector cannot take now, and drops what it refuses', async () => {
    const to = await collector([503, 200, 400])
    const exporter = new OtlpExporter(optionsOf(`${to.url}/`), ports)
    exporter.add(facts())
    await exporter.flush()
    expect([spansOf(to).length, exporter.dropped]).toEqual([1, 0])
    exporter.add(facts())
    await exporter.flush()
    expect([spansOf(to).length, exporter.dropped]).toEqual([1, 1])
    expect(exporter.format()).toContain('tutti_gateway_spans_dropped_total 1\n')
    await exporter.stop()
  })

  test('leaves a collector alone for as long as it asks for (V3)', async () => {
    vi.useFakeTimers({ toFake: ['setInterval'] })
    cleanups.push(() => vi.useRealTimers())
    const asked: string[] = []
    const wakes = new Wakes()
    const { url } = await serve((request, response) => {
      asked.push(request.url ?? '')
      const after = asked.length === 1 ? '120' : `${86_400 * 90}`
      if (asked.length < 3) response.writeHead(429, { 'retry-after': after })
      response.end('{}')
      wakes.wake()
    })
    const waits: { readonly ms: number; readonly end: () => void }[] = []
    const wait = (ms: number) =>
      new Promise<void>((end) => {
        waits.push({ ms, end })
        wakes.wake()
      })
    const exporter = new OtlpExporter(optionsOf(url), { ...ports, wait })
    exporter.add(facts())
    const flushed = exporter.flush()
    await wakes.until(() => waits.length === 2)
    expect(waits.map(({ ms }) => ms)).toEqual([120_000, 1_000]) // what it asks for, and our own
    vi.advanceTimersByTime(60_000) // histograms are due
    waits[1]?.end()
    await new Promise(setImmediate)
    expect(asked).toEqual(['/v1/traces'])
    waits[0]?.end()
    await wakes.until(() => waits.length >= 4)
    expect(waits[2]?.ms).toBe(300_000) // of ninety days
    for (const { end } of waits) end()
    await wakes.until(() => asked.length >= 4)
    for (const { end } of waits) end()
    await flushed
    expect(exporter.dropped).toBe(0)
    await exporter.stop()
  })

  test('tells a slow collector of histograms one time after the other (V2)', async () => {
    vi.useFakeTimers({ toFake: ['setInterval', 'setTimeout', 'clearTimeout'] })
    cleanups.push(() => vi.useRealTimers())
    const asked: ServerResponse[] = []
    const wakes = new Wakes()
    const { url } = await serve((_, response) => {
      asked.push(response)
      wakes.wake()
    })
    const exporter = new OtlpExporter(optionsOf(url), ports)
    exporter.add({ ...facts(), trace: { ...newTrace(), isSampled: false } })
    vi.advanceTimersByTime(45_000)
    await wakes.until(() => asked.length === 1)
    const stopped = exporter.stop()
    asked[0]?.end('{}')
    await wakes.until(() => asked.length > 1)
    asked[1]?.end('{}')
    await stopped
    expect(asked).toHaveLength(2)
  })

  test('reads no more of a collector’s answer than a word', async () => {
    const endless = await serve((_, response) => response.writeHead(200).write('x'.repeat(8_192)))
    const exporter = new OtlpExporter(optionsOf(endless.url), ports)
    exporter.add(facts())
    await exporter.flush()
    expect(exporter.dropped).toBe(0)
    await exporter.stop()
  })

  test('holds a bounded number of spans while the collector is away (V1)', async () => {
    const exporter = new OtlpExporter(optionsOf('http://127.0.0.1:9'), ports)
    for (let i = 0; i < 20_000; i++) exporter.add(facts())
    expect(exporter.dropped).toBeGreaterThanOrEqual(20_000 - 8_192 - 512)
    await exporter.stop()
  })

  test('what the caller does not want traced is not told', async () => {
    const to = await collector()
    const exporter = new OtlpExporter(optionsOf(to.url), ports)
    const trace = callersTrace({ traceparent: parent.replace(/1$/, '0') })
    exporter.add({ ...facts(), trace: trace ?? newTrace() })
    await exporter.stop()
    expect(spansOf(to)).toEqual([])
    expect(trace?.headers['traceparent']).toMatch(/-00$/)
  })

  test('counts and says what a collector rejects of what it takes, once until it takes all', async () => {
    const said = [
      { partialSuccess: { rejectedSpans: '2', errorMessage: 'too old' } },
      { partialSuccess: { rejectedSpans: 9 } },
      { partialSuccess: {} },
      { partialSuccess: { rejectedSpans: -1, errorMessage: 'one day it will not' } },
    ]
    const { url } = await serve((_, response) => response.end(JSON.stringify(said.shift() ?? {})))
    const logged: unknown[] = []
    const log = (_: string, { reason }: Readonly<Record<string, unknown>>) => logged.push(reason)
    const options = optionsOf(url, { OTEL_METRICS_EXPORTER: 'none' })
    const exporter = new OtlpExporter(options, { ...ports, log })
    const dropped: number[] = []
    for (let i = 0; i < 4; i++) {
      for (let n = 0; n < 3; n++) exporter.add(facts())
      await exporter.flush()
      dropped.push(exporter.dropped)
    }
    expect(dropped).toEqual([2, 5, 5, 5]) // no more than there were
    expect(logged).toEqual(['it rejected 2: too old', 'it rejected 0: one day it will not'])
    await exporter.stop()
  })

  test('tells spans or histograms alone where the other is not wanted', async () => {
    const to = await collector()
    for (const [none, path] of [
      ['OTEL_METRICS_EXPORTER', '/v1/traces'],
      ['OTEL_TRACES_EXPORTER', '/v1/metrics'],
    ] as const) {
      const exporter = new OtlpExporter(optionsOf(to.url, { [none]: 'none' }), ports)
      exporter.add(facts())
      await exporter.stop()
      expect(to.got.splice(0).map((one) => one.path)).toEqual([path])
      expect([exporter.sampling === null, exporter.dropped]).toEqual([path === '/v1/metrics', 0])
    }
  })
})
