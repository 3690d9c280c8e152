// Proxy process
//
// What the gateway benches start beside themselves: an engine, the gateway with a control plane (alone, with workers, or
// with guard and cache), or a bare relay. Its address is told when it answers; it ends with its parent.

import cluster from 'node:cluster'
import { createHash } from 'node:crypto'
import { mkdtempSync } from 'node:fs'
import { createServer, type ServerResponse } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { signingPrefix } from '@tutti/core/fleet'
import { guardSpec } from '@tutti/core/governance'
import { canonicalJson } from '@tutti/core/resource'
import { routeSpec, type Snapshot } from '@tutti/core/routing'
import { startGateway, startWorkers } from '@tutti/gateway'
import { didKeyOf, newPrivateKey, signText } from '@tutti/ledger'
import { startBareRelay } from './bare-relay.ts'
import { benchKey } from './proxy-bed.ts'

const chunkMs = 20 // fifty events a second and stream
const chunksDefault = 250

const lookMs = 1 // what is done between two looks of an event loop that is never held up

const [role, engineUrl = ''] = process.argv.slice(2)
process.once('disconnect', () => process.exit(0))
tellStalls()
if (role === 'engine') startEngine()
else if (role === 'bare') startBareRelay(engineUrl, say)
else if (role === 'workers' && cluster.isPrimary) await startTwo()
else await startPlanedGateway()

/**
 * How long the event loop is held up at most, between the words `watch` and `tell` of the parent:
 * in CPU time of this process, so that the time of others counts for less.
 */
function tellStalls(): void {
  let timer: NodeJS.Timeout | null = null
  let before = 0
  let maxMicros = 0
  const look = () => {
    const { user, system } = process.cpuUsage()
    maxMicros = Math.max(maxMicros, user + system - before)
    before = user + system
    timer = setTimeout(look, lookMs)
  }
  process.on('message', (word) => {
    if (word === 'watch') {
      before = Infinity
      maxMicros = 0
      look()
    }
    if (word !== 'tell') return
    if (timer !== null) clearTimeout(timer)
    process.send?.({ stallMs: maxMicros / 1_000 })
  })
}

async function startTwo(): Promise<void> {
  const workers = await startWorkers({ count: 2, env: {}, placeName: 'PLACE', log: () => {} })
  const all = Object.values(cluster.workers ?? {})
  const pids = all.flatMap((worker) => worker?.process.pid ?? [])
  process.send?.({ url: workers.url, pids })
}

function startEngine(): void {
  const words = 'lorem ipsum dolor sit amet '.repeat(30)
  const usage = { prompt_tokens: 200, completion_tokens: 150, total_tokens: 350 }
  const message = { role: 'assistant', content: words, refusal: null }
  const choices = [{ index: 0, message, logprobs: null, finish_reason: 'stop' }]
  const head = { id: 'chatcmpl-1', created: 1_700_000_000, model: 'm' }
  const whole = Buffer.from(JSON.stringify({ ...head, object: 'chat.completion', choices, usage }))
  const server = createServer((request, response) => {
    const chunks: Buffer[] = []
    request.on('data', (chunk: Buffer) => chunks.push(chunk))
    request.on('end', () => {
      const body = Buffer.concat(chunks)
      if (request.url === '/v1/embeddings') return embed(response)
      if (body.includes('"stream":true')) return stream(response)
      response.writeHead(200, [
        ...['content-type', 'application/json'],
        ...['content-length', String(whole.length)],
      ])
      response.end(whole)
    })
  })
  server.keepAliveTimeout = 60_000
  server.listen(0, '127.0.0.1', () => say(server.address()))
}

/** A meaning that is near to none of before. */
function embed(response: ServerResponse): void {
  const embedding = Array.from({ length: 384 }, () => Math.random() - 0.5)
  const data = [{ object: 'embedding', index: 0, embedding }]
  const usage = { prompt_tokens: 200, total_tokens: 200 }
  response.writeHead(200, { 'content-type': 'application/json' })
  response.end(JSON.stringify({ object: 'list', model: 'm', data, usage }))
}

/** Paced events, each with the moment at which it was sent. */
function stream(response: ServerResponse): void {
  response.writeHead(200, { 'content-type': 'text/event-stream' })
  const head = { id: 'c', object: 'chat.completion.chunk', created: 1_700_000_000, model: 'm' }
  let sent = 0
  const send = () => {
    const delta = { content: ` ${process.hrtime.bigint()}` }
    const choices = [{ index: 0, delta, finish_reason: null }]
    response.write(`data: ${JSON.stringify({ ...head, choices })}\n\n`)
    sent += 1
    if (sent < chunksDefault) return
    clearInterval(timer)
    const last = [{ index: 0, delta: {}, finish_reason: 'stop' }]
    response.end(`data: ${JSON.stringify({ ...head, choices: last })}\n\ndata: [DONE]\n\n`)
  }
  const timer = setInterval(send, chunkMs)
  response.once('close', () => clearInterval(timer))
  send()
}

/** A gateway with everything on: key, limits, budget, price, record. */
async function startPlanedGateway(): Promise<void> {
  const signer = newPrivateKey()
  const hash = `sha256:${createHash('sha256').update(benchKey).digest('hex')}`
  const price = { inputPerMillion: 0.15, outputPerMillion: 0.6 }
  const limits = { requestsPerMinute: 1e9, tokensPerMinute: 1e12, concurrent: 100_000 }
  const target = { provider: 'engine', model: 'm', price, contextTokens: 8_192 }
  const full = {
    guard: guardSpec.parse({
      detect: ['email', 'phone', 'card', 'iban', 'ssn', 'secret', 'injection'],
      blocklist: ['Project Nightjar', 'Project Robin'],
    }),
    cache: { ttlS: 60, semantic: { route: 'embed', threshold: 0.95 } },
  }
  const more = role === 'full' ? full : {}
  const snapshot: Snapshot = {
    ...{ format: 'tutti/snapshot/v1', sequence: 1, issuedAtMs: 1, deployments: [] },
    keys: [{ id: 'bench', hash, project: 'default', owner: 'bench', limits }],
    routes: [
      {
        ...{ name: 'm', project: 'default' },
        ...routeSpec.parse({ targets: [target], ...more }),
      },
      { ...{ name: 'embed', project: 'default' }, ...routeSpec.parse({ targets: [target] }) },
    ],
    providers: [
      {
        ...{ name: 'engine', project: 'default', dialect: 'openai', baseUrl: `${engineUrl}/v1` },
        ...{ allowPrivateNetwork: true, apiKey: 'k' },
      },
    ],
    budgets: [{ name: 'all', project: 'default', limitDollars: 1_000_000, window: 'total' }],
    servingToken: 't',
  }
  const payload = canonicalJson(snapshot)
  const signed = JSON.stringify({
    ...{ payload, signature: signText(signer, signingPrefix.snapshot, payload) },
  })
  const plane = createServer(async (request, response) => {
    if (request.url === '/api/v1/usage') return response.end('{}')
    if (request.url !== '/api/v1/leases') {
      response.writeHead(200, { 'content-type': 'text/event-stream' })
      return void response.write(`event: snapshot\ndata: ${signed}\n\n`)
    }
    const chunks: Buffer[] = []
    for await (const chunk of request) chunks.push(chunk)
    const asked: { wanted: { project: string; budget: string; nanos: number }[] } = JSON.parse(
      Buffer.concat(chunks).toString('utf8'),
    )
    const granted = asked.wanted.map((want) => ({ ...want, lease: 'one', untilMs: 1e15 }))
    response.end(JSON.stringify({ granted, unknown: [] }))
  })
  // Of its own, also in a worker.
  const place = { port: 0, host: '127.0.0.1', exclusive: true }
  await new Promise<void>((resolve) => plane.listen(place, resolve))
  const address = plane.address()
  const port = typeof address === 'object' && address !== null ? address.port : 0
  const gateway = await startGateway({
    ...{ host: '127.0.0.1', port: 0, version: 'bench', isWorker: cluster.isWorker },
    folder: mkdtempSync(join(tmpdir(), 'tutti-bench-gateway-')),
    controlPlane: {
      ...{ url: `http://127.0.0.1:${port}`, key: 'k', publicKey: didKeyOf(signer) },
    },
    log: (event) => {
      if (event === 'snapshot') process.send?.({ ready: gateway.url, url: gateway.url })
    },
  })
}

function say(address: ReturnType<ReturnType<typeof createServer>['address']>): void {
  const port = typeof address === 'object' && address !== null ? address.port : 0
  process.send?.({ url: `http://127.0.0.1:${port}` })
}
