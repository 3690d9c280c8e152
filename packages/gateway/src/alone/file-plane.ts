// File plane
//
// What a gateway has where there is no control plane: a snapshot and accounts of budgets, given on loopback in the
// control plane's own words, to one gateway process or to several. So a gateway needs to know of one source only.

import { randomBytes, timingSafeEqual } from 'node:crypto'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { signingPrefix } from '@tutti/core/fleet'
import { canonicalJson } from '@tutti/core/resource'
import {
  type LeaseAnswer,
  type LeaseRequest,
  leaseRequest,
  type Snapshot,
} from '@tutti/core/routing'
import { didKeyOf, newPrivateKey, signText } from '@tutti/ledger'
import { messageOf } from '../failure.ts'
import { answerStored, isStoredPath } from './answer-stored.ts'
import { LeaseFile } from './lease-file.ts'
import { MemoryResponses } from './memory-responses.ts'

export interface FilePlaneOptions {
  readonly snapshot: Snapshot
  /** Where the accounts are kept. */
  readonly leases: string
  /** Told why nothing is granted: a disk that is full, another who keeps the accounts. */
  readonly log?: (event: string, fields: Readonly<Record<string, unknown>>) => void
}

export interface FilePlane {
  /** What a gateway is given as its control plane. */
  readonly controlPlane: {
    readonly url: string
    readonly key: string
    readonly publicKey: string
  }
  /** Another snapshot from here on; its number must be greater. */
  readonly swap: (snapshot: Snapshot) => void
  readonly stop: () => Promise<void>
}

const aliveMs = 10_000
const bodyBytesMax = 4 * 2 ** 20 // ten thousand leases

export async function startFilePlane(options: FilePlaneOptions): Promise<FilePlane> {
  let { snapshot } = options // written by `swap`
  const signer = newPrivateKey()
  const key = randomBytes(32).toString('base64url')
  const followers = new Set<ServerResponse>()
  const leases = new LeaseFile({
    path: options.leases,
    budgetOf: (project, name) =>
      snapshot.budgets.find((one) => one.project === project && one.name === name),
    nowMs: () => Date.now(),
  })
  let whyNot = '' // written by `ask`: each reason is told once
  const ask = (asked: LeaseRequest) => {
    try {
      return leases.ask(asked)
    } catch (error) {
      const reason = messageOf(error)
      if (reason !== whyNot) options.log?.('budgets are not kept', { reason })
      whyNot = reason
      throw error
    }
  }
  const responses = new MemoryResponses(() => Date.now())
  const eventOf = () => {
    const payload = canonicalJson(snapshot)
    const signature = signText(signer, signingPrefix.snapshot, payload)
    return `event: snapshot\ndata: ${JSON.stringify({ payload, signature })}\n\n`
  }
  const server = createServer((request, response) => {
    if (!isKey(request.headers.authorization, key)) return void response.writeHead(401).end()
    if (request.url?.startsWith('/api/v1/snapshot') === true) {
      response.writeHead(200, { 'content-type': 'text/event-stream' })
      response.write(eventOf())
      followers.add(response)
      response.once('close', () => followers.delete(response))
    } else if (request.url === '/api/v1/leases') void answerLeases(ask, request, response)
    else if (request.url === '/api/v1/usage') {
      response.end('{}') // who is alone has metrics and the request log
    } else if (isStoredPath(request.url ?? '')) {
      void answerKept(responses, request, response)
    } else response.writeHead(404).end()
  })
  const alive = setInterval(() => {
    for (const follower of followers) follower.write(': alive\n\n')
  }, aliveMs).unref()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  const port = typeof address === 'object' && address !== null ? address.port : 0
  return {
    controlPlane: { url: `http://127.0.0.1:${port}`, key, publicKey: didKeyOf(signer) },
    swap: (next) => {
      snapshot = next
      for (const follower of followers) follower.write(eventOf())
    },
    stop: async () => {
      clearInterval(alive)
      server.closeAllConnections()
      await new Promise<void>((resolve) => server.close(() => resolve()))
    },
  }
}

async function answerLeases(
  ask: (asked: LeaseRequest) => LeaseAnswer,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  let text = ''
  for await (const chunk of request) {
    text += String(chunk)
    if (text.length > bodyBytesMax) return void response.destroy()
  }
  try {
    const answer = ask(leaseRequest.parse(JSON.parse(text)))
    response.end(JSON.stringify(answer))
  } catch (error) {
    response.writeHead(500).end(String(error)) // a disk that is full: nothing was granted
  }
}

async function answerKept(
  store: MemoryResponses,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  try {
    const { method = 'GET', url = '' } = request
    const said = await answerStored(store, { method, url, body: await textOf(request) })
    response.writeHead(said.status).end(said.body)
  } catch {
    response.destroy() // it was no JSON, or too long
  }
}

async function textOf(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = []
  let bytes = 0
  for await (const chunk of request) {
    chunks.push(chunk)
    bytes += chunk.length
    if (bytes > bodyBytesMax) throw new Error('a body is too long')
  }
  return Buffer.concat(chunks).toString('utf8')
}

function isKey(authorization: string | undefined, key: string): boolean {
  const given = Buffer.from(authorization ?? '')
  const wanted = Buffer.from(`Bearer ${key}`)
  return given.length === wanted.length && timingSafeEqual(given, wanted)
}
