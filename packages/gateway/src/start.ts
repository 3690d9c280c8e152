// Start
//
// Wires a gateway: snapshot source, router, face, socket. The only file that knows all of them.

import { createServer, type Server } from 'node:http'
import { answerRequest, Metrics, RecentRequests } from './face/index.ts'
import { Failure } from './failure.ts'
import { type Directory, makeDirectory, Router, SnapshotSource } from './routing/index.ts'

export interface GatewayOptions {
  readonly host: string
  /** 0 takes any free port. */
  readonly port: number
  /** Host names besides loopback ones that requests may be addressed to. */
  readonly hosts?: readonly string[]
  readonly controlPlane: {
    readonly url: string
    /** Secret of a Key with the role gateway. */
    readonly key: string
    /** did:key that signs snapshots. */
    readonly publicKey: string
  }
  /** Where the last good snapshot is kept. */
  readonly folder: string
  /** Endpoints of this region come first where loads are alike. */
  readonly region?: string
  readonly version: string
  readonly log?: (event: string, fields: Readonly<Record<string, unknown>>) => void
}

export interface Gateway {
  readonly url: string
  readonly stop: () => Promise<void>
}

const drainMs = 10_000

/**
 * Starts a gateway; resolves when it listens. Without any snapshot it answers 503 until one
 * comes.
 */
export async function startGateway(options: GatewayOptions): Promise<Gateway> {
  const log = options.log ?? logLine
  let directory: Directory | null = null // written by onSnapshot alone
  const source = new SnapshotSource({
    ...{
      url: options.controlPlane.url,
      key: options.controlPlane.key,
      folder: options.folder,
      log,
    },
    controlPlane: options.controlPlane.publicKey,
    onSnapshot: (snapshot) => {
      directory = makeDirectory(snapshot)
    },
  })
  const router = new Router({
    region: options.region ?? '',
    directory: () => directory,
    nowMs: () => Date.now(),
    chance: () => Math.random(),
  })
  const ports = {
    directory: () => directory,
    ...{ router, recent: new RecentRequests(), metrics: new Metrics() },
    hosts: (options.hosts ?? []).map((host) => host.toLowerCase()),
    version: options.version,
    nowMs: () => Date.now(),
  }
  const server = createServer(
    { requestTimeout: 60_000, headersTimeout: 10_000 },
    (request, response) => {
      answerRequest(ports, request, response).catch((error: unknown) => {
        log('a bug', { error: String(error) })
        response.destroy()
      })
    },
  )
  const url = await listen(server, options)
  source.start()
  log('serving', { url })
  return {
    url,
    stop: async () => {
      await source.stop()
      await drain(server)
      await router.stop()
    },
  }
}

async function listen(server: Server, { host, port }: GatewayOptions): Promise<string> {
  await new Promise<void>((resolve, reject) => {
    server.once('error', (cause: NodeJS.ErrnoException) => {
      const isTaken = cause.code === 'EADDRINUSE'
      const hint = isTaken ? 'another process has it: give another one with --port' : cause.message
      reject(new Failure('gateway/port-taken', `cannot listen on ${host}:${port}: ${hint}`, cause))
    })
    server.listen(port, host, () => resolve())
  })
  const address = server.address()
  const actual = typeof address === 'object' && address !== null ? address.port : port
  const name = host === '0.0.0.0' || host === '::' ? '127.0.0.1' : host
  return `http://${name.includes(':') ? `[${name}]` : name}:${actual}`
}

/** Takes no more connections, and gives what is under way ten seconds. */
async function drain(server: Server): Promise<void> {
  const timer = setTimeout(() => server.closeAllConnections(), drainMs)
  await new Promise<void>((resolve) => {
    server.close(() => resolve())
    server.closeIdleConnections()
  })
  clearTimeout(timer)
}

function logLine(event: string, fields: Readonly<Record<string, unknown>>): void {
  const line = { time: new Date().toISOString(), service: 'gateway', event, ...fields }
  process.stderr.write(`${JSON.stringify(line)}\n`)
}
