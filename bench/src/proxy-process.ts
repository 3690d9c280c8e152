// Proxy process
//
// What the gateway benches start beside themselves: an engine with a control plane for the gateway, or the gateway. Its
// address is printed when it answers; it ends with its parent.

import { createHash } from 'node:crypto'
import { mkdtempSync } from 'node:fs'
import { createServer, type ServerResponse } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { signingPrefix } from '@tutti/core/fleet'
import { canonicalJson } from '@tutti/core/resource'
import { routeSpec, type Snapshot } from '@tutti/core/routing'
import { startGateway } from '@tutti/gateway'
import { didKeyOf, newPrivateKey, signText } from '@tutti/ledger'
import { benchKey } from './proxy-bed.ts'

const chunkMs = 20 // fifty events a second and stream
const chunksDefault = 250

const [role, engineUrl = ''] = process.argv.slice(2)
process.once('disconnect', () => process.exit(0))
if (role === 'engine') startEngine()
else await startPlanedGateway()

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
  const snapshot: Snapshot = {
    ...{ format: 'tutti/snapshot/v1', sequence: 1, issuedAtMs: 1, deployments: [] },
    keys: [{ id: 'bench', hash, project: 'default', owner: 'bench', limits }],
    routes: [
      {
        ...{ name: 'm', project: 'default' },
        ...routeSpec.parse({
          targets: [{ provider: 'engine', model: 'm', price, contextTokens: 8_192 }],
        }),
      },
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
  await new Promise<void>((resolve) => plane.listen(0, '127.0.0.1', resolve))
  const address = plane.address()
  const port = typeof address === 'object' && address !== null ? address.port : 0
  const gateway = await startGateway({
    ...{ host: '127.0.0.1', port: 0, version: 'bench' },
    folder: mkdtempSync(join(tmpdir(), 'tutti-bench-gateway-')),
    controlPlane: {
      ...{ url: `http://127.0.0.1:${port}`, key: 'k', publicKey: didKeyOf(signer) },
    },
    log: (event) => {
      if (event === 'snapshot') process.send?.({ url: gateway.url })
    },
  })
}

function say(address: ReturnType<ReturnType<typeof createServer>['address']>): void {
  const port = typeof address === 'object' && address !== null ? address.port : 0
  process.send?.({ url: `http://127.0.0.1:${port}` })
}
