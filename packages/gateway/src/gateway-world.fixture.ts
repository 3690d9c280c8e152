// Gateway world
//
// What the tests of a gateway stand on: a control plane that streams snapshots, upstreams that do as told.

import { createHash } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { canonicalJson, signingPrefix } from '@tutti/core/resource'
import {
  type KeptRequest,
  keptRequests,
  type LeaseAnswer,
  type LeaseRequest,
  routeSpec,
  type Snapshot,
  type UsageRow,
  usageReport,
} from '@tutti/core/routing'
import { didKeyOf, newPrivateKey, signText } from '@tutti/ledger'
import { afterEach } from 'vitest'
import { answerStored, isStoredPath } from './alone/answer-stored.ts'
import { MemoryResponses } from './alone/memory-responses.ts'
import { MemoryPlane } from './memory-plane.fixture.ts'
import { type Gateway, type GatewayOptions, startGateway } from './start.ts'
import { Wakes } from './wakes.fixture.ts'

export const key = 'tutti_app_secret'
export const digest = (text: string) => `sha256:${createHash('sha256').update(text).digest('hex')}`
export const release = digest('release')

export type Handler = (request: IncomingMessage, response: ServerResponse, body: string) => unknown
export const cleanups: (() => unknown)[] = []
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup()
})

/** A server on a free port that the test ends. */
export async function serve(handler: Handler): Promise<{ url: string; server: Server }> {
  const server = createServer(async (request, response) => {
    let body = ''
    for await (const chunk of request) body += String(chunk)
    handler(request, response, body)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  cleanups.push(() => {
    server.closeAllConnections()
    return new Promise((resolve) => server.close(resolve))
  })
  const address = server.address()
  const port = typeof address === 'object' && address !== null ? address.port : 0
  return { url: `http://127.0.0.1:${port}`, server }
}

export const signer = newPrivateKey()

export function signed(snapshot: Snapshot, by = signer): string {
  const payload = canonicalJson(snapshot)
  return JSON.stringify({ payload, signature: signText(by, signingPrefix.snapshot, payload) })
}

export function snapshotOf(change: Partial<Snapshot>): Snapshot {
  return {
    format: 'tutti/snapshot/v1',
    sequence: 1,
    issuedAtMs: 1,
    keys: [{ id: 'app', hash: digest(key), project: 'default', owner: 'app' }],
    routes: [],
    deployments: [],
    providers: [],
    budgets: [],
    servingToken: 'serving-token',
    ...change,
  }
}

export function toNodes(urls: readonly string[], sequence = 1): Snapshot {
  return snapshotOf({
    sequence,
    routes: [
      {
        ...{ name: 'parts', project: 'default' },
        ...routeSpec.parse({ targets: [{ deployment: 'parts' }], timeoutMs: 4_000 }),
      },
    ],
    deployments: [
      {
        name: 'parts',
        project: 'default',
        serves: 'parts',
        endpoints: urls.map((url, i) => ({ node: `n${i}`, url, region: '', release })),
      },
    ],
  })
}

export function toProvider(baseUrl: string, allowPrivateNetwork: boolean): Snapshot {
  return snapshotOf({
    routes: [
      {
        ...{ name: 'chat', project: 'default' },
        ...routeSpec.parse({
          targets: [{ provider: 'engine', model: 'llama' }],
          timeoutMs: 4_000,
        }),
      },
    ],
    providers: [
      {
        name: 'engine',
        project: 'default',
        dialect: 'openai',
        baseUrl,
        allowPrivateNetwork,
        apiKey: 'engine-secret',
      },
    ],
  })
}

/** A Route `chat`, with these settings, to an engine that speaks this dialect. */
export function toEngine(
  baseUrl: string,
  dialect: Snapshot['providers'][number]['dialect'],
  settings: object = {},
): Snapshot {
  const spec = routeSpec.parse({ targets: [{ provider: 'e', model: 'm' }], ...settings })
  return snapshotOf({
    routes: [{ name: 'chat', project: 'default', ...spec }],
    providers: [{ name: 'e', project: 'default', dialect, baseUrl, allowPrivateNetwork: true }],
  })
}

export interface World {
  readonly gateway: Gateway
  readonly folder: string
  /** What the control plane keeps. */
  readonly responses: MemoryResponses
  /** Usage that the control plane was told. */
  readonly told: UsageRow[]
  /** Bodies that the control plane was told. */
  readonly kept: KeptRequest[]
  /** Until it was told so many. */
  readonly untilKept: (count: number) => Promise<readonly KeptRequest[]>
  /** Ends the control plane. */
  readonly killPlane: () => void
  /** Sends another snapshot down the stream. */
  readonly push: (text: string) => void
  readonly events: { event: string; reason?: unknown }[]
  /** Until it has happened so often. */
  readonly untilEvent: (event: string, times?: number) => Promise<void>
}

/** Who grants leases. */
export interface Accounts {
  readonly ask: (request: LeaseRequest) => LeaseAnswer | Promise<LeaseAnswer>
}

/** A gateway that follows a control plane of ours. */
export async function world(
  first: string | null,
  folder = newFolder(),
  leases: Accounts = new MemoryPlane(0),
  more: Pick<GatewayOptions, 'drainMs' | 'clock'> = {},
): Promise<World> {
  const streams = new Set<ServerResponse>()
  const responses = new MemoryResponses(() => Date.now())
  const wakes = new Wakes()
  const kept: KeptRequest[] = []
  const told: UsageRow[] = []
  const plane = await serve(async (request, response, body) => {
    const { method = 'GET', url = '' } = request
    if (isStoredPath(url)) {
      const failed = { status: 500, body: '' }
      const said = await answerStored(responses, { method, url, body }).catch(() => failed)
      return response.writeHead(said.status).end(said.body)
    }
    if (request.url === '/api/v1/leases') {
      return response.end(JSON.stringify(await leases.ask(JSON.parse(body))))
    }
    if (request.url === '/api/v1/usage') {
      told.push(...usageReport.parse(JSON.parse(body)).rows)
      return response.end('{}')
    }
    if (request.url === '/api/v1/requests') {
      kept.push(...keptRequests.parse(JSON.parse(body)).requests)
      response.writeHead(204).end()
      wakes.wake()
      return
    }
    response.writeHead(200, { 'content-type': 'text/event-stream' })
    response.write(first === null ? ': nothing yet\n\n' : `event: snapshot\ndata: ${first}\n\n`)
    streams.add(response)
  })
  const events: World['events'] = []
  const gateway = await startGateway({
    host: '127.0.0.1',
    port: 0,
    controlPlane: { url: plane.url, key: 'k', publicKey: didKeyOf(signer) },
    folder,
    version: 'test',
    ...more,
    log: (event, fields) => {
      events.push({ event, ...fields })
      wakes.wake()
    },
  })
  cleanups.push(() => gateway.stop())
  const untilEvent = (event: string, times = 1) =>
    wakes.until(() => events.filter((one) => one.event === event).length >= times)
  const untilKept = async (count: number) => {
    await wakes.until(() => kept.length >= count)
    return kept
  }
  if (first !== null)
    await Promise.race([untilEvent('snapshot'), untilEvent('a snapshot is refused')])
  const push = (text: string) => {
    for (const stream of streams) stream.write(`event: snapshot\ndata: ${text}\n\n`)
  }
  const killPlane = () => {
    plane.server.closeAllConnections()
    plane.server.close()
  }
  return { gateway, folder, responses, told, kept, killPlane, push, events, untilEvent, untilKept }
}

export function newFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'tutti-gateway-'))
  cleanups.push(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}

export const answerWell: Handler = (_, response) => {
  response.writeHead(200, { 'content-type': 'application/json', 'x-tutti-variant': 'fp32' })
  response.end('{"model_name":"parts","outputs":[]}')
}

export function infer(gateway: Gateway, init: RequestInit = {}): Promise<Response> {
  return fetch(`${gateway.url}/v2/models/parts/infer`, {
    method: 'POST',
    body: '{"inputs":[]}',
    ...init,
    headers: { authorization: `Bearer ${key}`, ...init.headers },
  })
}

export interface CostRecord {
  readonly costNanos: number
  readonly isEstimated: boolean
  readonly inputTokens: number
  readonly outputTokens: number
  readonly status: number
}

/** The record of the newest request, once it is there: the caller's end may come first. */
export async function recordOf(gateway: Gateway): Promise<CostRecord> {
  const answer = await fetch(`${gateway.url}/v1/requests?follow=true`, {
    headers: { authorization: `Bearer ${key}` },
  })
  for await (const chunk of answer.body ?? []) {
    return JSON.parse(Buffer.from(chunk).toString('utf8').split('\n')[0] ?? '')
  }
  throw new Error('nothing was recorded')
}
