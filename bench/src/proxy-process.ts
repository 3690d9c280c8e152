// Proxy process
//
// What the gateway benches start beside themselves: an engine, a control plane, the gateway (alone or with workers), or
// a bare relay. Its address is told when it answers; it ends with its parent.

import cluster from 'node:cluster'
import { mkdtempSync, readFileSync } from 'node:fs'
import { createServer, type ServerResponse } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { startGateway, startWorkers } from '@tutti/gateway'
import { startBareRelay } from './bare-relay.ts'
import { startPlane } from './proxy-plane.ts'

const chunkMs = 20 // fifty events a second and stream
const chunksDefault = 250

const lookMs = 1 // what is done between two looks of an event loop that is never held up

const [role, engineUrl = '', planeUrl = '', planeKey = ''] = process.argv.slice(2)
process.once('disconnect', () => process.exit(0))
tellStalls()
if (role === 'engine') startEngine()
else if (role === 'bare') startBareRelay(engineUrl, say)
else if (role === 'plane' || role === 'full-plane') startPlane(engineUrl, role === 'plane')
else if (role === 'workers' && cluster.isPrimary) await startTwo()
else await startPlanedGateway()

/**
 * How long the event loop is held up at most, between the words `watch` and `tell` of the parent:
 * in CPU time of the thread that it runs on, so that neither what others do on the machine nor what
 * a thread beside it does counts as the loop's.
 */
function tellStalls(): void {
  let timer: NodeJS.Timeout | null = null
  let before = 0
  let maxNanos = 0
  const look = () => {
    const nanos = loopNanos()
    maxNanos = Math.max(maxNanos, nanos - before)
    before = nanos
    timer = setTimeout(look, lookMs)
  }
  process.on('message', (word) => {
    if (word === 'watch') {
      before = Infinity
      maxNanos = 0
      look()
    }
    if (word !== 'tell') return
    if (timer !== null) clearTimeout(timer)
    process.send?.({ stallMs: maxNanos / 1e6 })
  })
}

/** The main thread's id is the process's own; Linux alone tells. */
function loopNanos(): number {
  const told = readFileSync(`/proc/self/task/${process.pid}/schedstat`, 'latin1')
  return Number(told.split(' ', 1)[0])
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

/** A gateway that follows the control plane beside it. */
async function startPlanedGateway(): Promise<void> {
  const gateway = await startGateway({
    ...{ host: '127.0.0.1', port: 0, version: 'bench' },
    worker: cluster.isWorker ? Number(process.env['PLACE']) : undefined,
    folder: mkdtempSync(join(process.env['TUTTI_BENCH_FOLDER'] ?? tmpdir(), 'gateway-')),
    controlPlane: { url: planeUrl, key: 'k', publicKey: planeKey },
    log: (event) => {
      if (event === 'snapshot') process.send?.({ ready: gateway.url, url: gateway.url })
    },
  })
}

function say(address: ReturnType<ReturnType<typeof createServer>['address']>): void {
  const port = typeof address === 'object' && address !== null ? address.port : 0
  process.send?.({ url: `http://127.0.0.1:${port}` })
}
