// File plane
//
// What a gateway has where there is no control plane: a snapshot, accounts of budgets and what requests used, given on
// loopback in the control plane's own words, to one gateway process or to several. So a gateway needs to know of one
// source only.

import { randomBytes, timingSafeEqual } from 'node:crypto'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { join } from 'node:path'
import { canonicalJson, signingPrefix } from '@tutti/core/resource'
import {
  leaseRequest,
  type NoSnapshot,
  responseDays,
  type Snapshot,
  usageReport,
} from '@tutti/core/routing'
import { didKeyOf, newPrivateKey, signText } from '@tutti/ledger'
import { complaining } from '../complaining.ts'
import { keyOf } from '../face/index.ts'
import { messageOf } from '../failure.ts'
import { makeDirectory } from '../routing/index.ts'
import { answerStored, isStoredPath } from './answer-stored.ts'
import { answerUsage, isUsagePath, type UsageAsked } from './answer-usage.ts'
import { LeaseFile } from './lease-file.ts'
import { MemoryResponses } from './memory-responses.ts'
import { UsageHours } from './usage-hours.ts'

type Log = (event: string, fields: Readonly<Record<string, unknown>>) => void

export interface FilePlaneOptions {
  readonly snapshot: Snapshot
  /** Where the accounts are kept. */
  readonly folder: string
  /** Told why nothing is granted or counted: a full disk, another who keeps the accounts. */
  readonly log?: Log
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
  /** What was declared last makes none: gateways tell so until the next one. */
  readonly refuse: () => void
  readonly stop: () => Promise<void>
}

const aliveMs = 10_000
const bodyBytesMax = 4 * 2 ** 20 // ten thousand leases
const nowMs = () => Date.now()

const none: NoSnapshot = { refused: true }
const refusal = `event: refused\ndata: ${JSON.stringify(none)}\n\n`

export async function startFilePlane(options: FilePlaneOptions): Promise<FilePlane> {
  let { snapshot } = options // written by `swap`
  let directory = makeDirectory(snapshot) // with it
  let isRefused = false // written by `swap` and `refuse`
  const signer = newPrivateKey()
  const key = randomBytes(32).toString('base64url')
  const followers = new Set<ServerResponse>()
  const budgetOf = (project: string, name: string) => directory.budget(project, name)
  const accounts = openAccounts(options, budgetOf)
  const responses = new MemoryResponses(nowMs, undefined, (project, name) => {
    const route = directory.route(project, name)
    return route === undefined ? undefined : (route.responses?.days ?? responseDays)
  })
  const eventOf = () => {
    const payload = canonicalJson(snapshot)
    const signature = signText(signer, signingPrefix.snapshot, payload)
    return `event: snapshot\ndata: ${JSON.stringify({ payload, signature })}\n\n`
  }
  const answer = async (request: IncomingMessage): Promise<Said> => {
    const { method = 'GET', url = '' } = request
    if (isStoredPath(url)) {
      return await answerStored(responses, { method, url, body: await textOf(request) })
    }
    const act = method === 'POST' ? accounts.acts[url] : undefined
    if (act === undefined) return { status: 404, body: '' }
    return { status: 200, body: JSON.stringify(await act(JSON.parse(await textOf(request)))) }
  }
  const server = createServer((request, response) => {
    const { method, url = '', headers } = request
    if (method === 'GET' && isUsagePath(url)) {
      const gone = new AbortController()
      response.once('close', () => gone.abort())
      const { signal } = gone
      const asked = { url, key: keyOf(request, directory, nowMs()), nowMs: nowMs(), signal }
      return void send(response, accounts.tell(asked))
    }
    if (!isKey(headers.authorization, key)) return void response.writeHead(401).end()
    if (!url.startsWith('/api/v1/snapshot')) return void send(response, answer(request))
    response.writeHead(200, { 'content-type': 'text/event-stream' })
    response.write(eventOf())
    if (isRefused) response.write(refusal)
    followers.add(response)
    response.once('close', () => followers.delete(response))
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
      directory = makeDirectory(next)
      isRefused = false
      for (const follower of followers) follower.write(eventOf())
    },
    refuse: () => {
      isRefused = true
      for (const follower of followers) follower.write(refusal)
    },
    stop: async () => {
      clearInterval(alive)
      server.closeAllConnections()
      await new Promise<void>((resolve) => server.close(() => resolve()))
    },
  }
}

/** What Budgets have spent, and what requests used: beside each other, kept by the same one. */
function openAccounts(
  { folder, log = () => {} }: FilePlaneOptions,
  budgetOf: ConstructorParameters<typeof LeaseFile>[0]['budgetOf'],
) {
  const path = join(folder, 'leases.json')
  const onWrittenAgain = () => log('the accounts of budgets were gone: written again', { path })
  const leases = new LeaseFile({ path, budgetOf, nowMs, onWrittenAgain })
  const assertHeld = () => leases.assertHeld()
  const hours = new UsageHours({ folder: join(folder, 'usage-hours'), assertHeld, nowMs })
  const grant = complaining(
    async (said: unknown) => leases.ask(leaseRequest.parse(said)),
    (reason) => log('budgets are not kept', { reason }),
  )
  const count = complaining(
    async (said: unknown) => {
      const report = usageReport.parse(said)
      await hours.take(report)
      return { taken: report.sequence }
    },
    (reason) => log('usage is not kept', { reason }),
  )
  const tell = complaining(
    async (asked: UsageAsked): Promise<Said> => answerUsage(hours, asked),
    (reason, { signal }) => signal.aborted || log('usage cannot be told', { reason }),
  )
  const acts: Readonly<Record<string, (said: unknown) => Promise<object>>> = {
    '/api/v1/leases': grant,
    '/api/v1/usage': count,
  }
  return { acts, tell: (asked: UsageAsked) => tell(asked).catch(() => usageAway) }
}

interface Said {
  readonly status: number
  readonly body: string
}

/** Callers hear no more: the reason names folders of ours. */
const usageAway: Said = { status: 503, body: 'what requests used cannot be told now' }

async function send(response: ServerResponse, saying: Promise<Said>): Promise<void> {
  try {
    const { status, body } = await saying
    response.writeHead(status).end(body)
  } catch (error) {
    response.writeHead(500).end(messageOf(error)) // a full disk: nothing was granted or counted
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
