// Start
//
// Wires a gateway: snapshot source, router, face, socket. The only file that knows all of them.

import { randomUUID } from 'node:crypto'
import type { Server } from 'node:http'
import { type Clock, pause, systemClock, watchFileLimit } from '@tutti/machine'
import {
  answerRequest,
  BodyKeeper,
  type Comparison,
  type FacePorts,
  HostGuard,
  isLetIn,
  Metrics,
  newAnswerCache,
  overwriteRecord,
  RecentRequests,
  RequestIds,
  RequestLog,
  ResponseSockets,
  refuseTooDeep,
  Shadows,
  storeKeeper,
  Turns,
  UnderWay,
  WithheldTools,
} from './face/index.ts'
import { Failure } from './failure.ts'
import { Scanner } from './governance/index.ts'
import {
  Accounts,
  Cashier,
  type Directory,
  Limiter,
  makeDirectory,
  PriceBook,
  RelayDoor,
  type RouteEntry,
  Router,
  remoteResponses,
  remoteUsage,
  SnapshotSource,
  sendKeptRequests,
} from './routing/index.ts'
import { OtlpExporter, type OtlpOptions } from './telemetry/index.ts'
import { SideThread } from './thread/index.ts'
import { ToolServers } from './tools/index.ts'
import { Batch, Front, headWithoutOffer, type Incoming, type Reply } from './wire/index.ts'
import { Doors, joinSiblings } from './workers/index.ts'

export interface GatewayOptions {
  readonly host: string
  /** 0 takes any free port. */
  readonly port: number
  /** Host names besides loopback ones that requests may be addressed to. */
  readonly hosts?: readonly string[]
  /** Where nodes that cannot be dialled find it; where it listens, if absent. */
  readonly publicUrl?: string | undefined
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
  /** Where spans and metrics go; absent: nowhere. */
  readonly otlp?: OtlpOptions | undefined
  /** How long what is under way may take to end once it is stopped; 8 s where absent. */
  readonly drainMs?: number
  /** Which of several workers it is, from 1: their limits are counted together. Absent: alone. */
  readonly worker?: number | undefined
  /** What time it is, and how time passes; absent: as the machine has it. */
  readonly clock?: Pick<Clock, 'nowMs' | 'steadyMs'>
  readonly log?: (event: string, fields: Readonly<Record<string, unknown>>) => void
}

export interface Gateway {
  readonly url: string
  readonly stop: () => Promise<void>
}

const drainMsDefault = 8_000 // the process has ten seconds in all: the rest is for settling
const idleCheckMs = 50
const settleMsMax = 1_000 // for who was cut: it takes some milliseconds

/**
 * Starts a gateway; resolves when it listens. Without any snapshot it answers 503 until one
 * comes.
 */
export async function startGateway(options: GatewayOptions): Promise<Gateway> {
  const { controlPlane, log = logLine } = options
  let directory: Directory | null = null // written by onSnapshot alone
  const source = new SnapshotSource({
    ...{ url: controlPlane.url, key: controlPlane.key, folder: options.folder, log },
    ...{ controlPlane: controlPlane.publicKey, version: options.version, worker: options.worker },
    onSnapshot: (snapshot) => {
      directory = makeDirectory(snapshot)
      for (const one of [prices, router]) one.renew(snapshot)
      ports.tools.keepTo(directory)
      if (snapshot.routes.some(isLookedThrough)) ports.thread.warm()
    },
  })
  const { nowMs, steadyMs } = clockOf(options)
  const prices = new PriceBook(nowMs)
  const accounts = new Accounts({ ...controlPlane, folder: options.folder, log }, nowMs)
  const hosts = (options.hosts ?? []).map((host) => host.toLowerCase())
  let url = '' // known once it listens
  const relays = new RelayDoor({
    ...{ controlPlane: controlPlane.publicKey, hosts, nowMs, log },
    url: () => options.publicUrl ?? url,
    isKnown: (node) => directory?.hasNode(node) ?? true,
  })
  const batch = new Batch()
  const router = new Router({
    ...{ batch, chance, log },
    relayOf: (node) => relays.urlOf(node),
    region: options.region ?? '',
    directory: () => directory,
    nowMs: steadyMs,
    cashier: new Cashier({ nowMs: steadyMs, prices, purses: accounts.purses }),
  })
  const responses = storeKeeper(remoteResponses(controlPlane), log)
  const doors = new Doors(options.worker ?? 0)
  const given = {
    ...{ directory: () => directory, router, responses, hosts, nowMs, steadyMs, chance },
    ...{ others: doors, version: options.version, withheld: new WithheldTools({ log }) },
    ...{ askUsage: remoteUsage(controlPlane, log), ownKey: controlPlane.key, snapshots: source },
  }
  const bodies = new BodyKeeper({
    ...{ directory: () => directory, nowMs, chance, log },
    send: (requests, signal) => sendKeptRequests(controlPlane, requests, signal),
  })
  const telemetry = newTelemetry(options, log)
  const ports = newPorts({ ...given, bodies, telemetry, usage: accounts.usage })
  const sockets = new ResponseSockets(ports)
  const front = newFront(batch, ports, log)
  takeUpgrades(front, sockets, relays)
  const leaveSiblings = await joinSiblings({ ...ports, relays, doors, server: front.server, log })
  url = await listen(front.server, options)
  source.start(options.publicUrl ?? url)
  const unwatch = watchFileLimit(log, manyHint)
  log('serving', { url, pid: process.pid })
  return {
    url,
    stop: async () => {
      await source.stop()
      for (const records of [ports.log, ports.comparisons]) records.stop()
      leaveSiblings()
      unwatch()
      await drain({ front, sockets, relays, ports }, options.drainMs ?? drainMsDefault)
      await ports.shadows.stop()
      await Promise.all([bodies.stop(), accounts.close()]) // of what is left of the ten seconds
      await ports.tools.stop()
      router.stop()
      await ports.scanner.stop()
      await telemetry?.stop()
    },
  }
}

const manyHint =
  'two are open for each request at a time: allow more (ulimit -Hn, LimitNOFILE=), or add workers'

/** In whole milliseconds, as durations are told and paid. */
function clockOf({ clock = systemClock }: GatewayOptions): Pick<Clock, 'nowMs' | 'steadyMs'> {
  return { nowMs: () => clock.nowMs(), steadyMs: () => Math.floor(clock.steadyMs()) }
}

/** Where long requests go to the side thread. */
function isLookedThrough({ guard, cache }: RouteEntry): boolean {
  return guard !== undefined || cache !== undefined
}

/** WebSockets: of callers, else of nodes that cannot be dialled. Nothing else is taken up. */
function takeUpgrades(front: Front, sockets: ResponseSockets, relays: RelayDoor): void {
  front.server.on('upgrade', (incoming, socket, head) => {
    const again = headWithoutOffer(incoming)
    if (again !== null) {
      socket.unshift(Buffer.concat([Buffer.from(again, 'latin1'), head]))
      return void front.server.emit('connection', socket)
    }
    const door = ResponseSockets.wants(incoming) ? sockets : relays
    door.handleUpgrade(incoming, socket, head)
  })
}

const chance = () => Math.random()

type Shared =
  | ('directory' | 'router' | 'responses' | 'telemetry' | 'usage' | 'askUsage')
  | ('bodies' | 'ownKey' | 'version' | 'nowMs' | 'steadyMs' | 'withheld' | 'snapshots')
  | 'others'
type Given = Pick<FacePorts, Shared> & {
  readonly hosts: readonly string[]
  readonly chance: () => number
}

/** What the faces share, with nothing in it yet. */
function newPorts({ hosts, chance, ...given }: Given): FacePorts {
  const { steadyMs } = given
  const comparisons = new RequestLog<Comparison>((_, one) => one)
  const thread = new SideThread()
  return {
    ...given,
    ...{ comparisons, shadows: new Shadows({ ...given, comparisons, chance }) },
    ...{ tools: new ToolServers(steadyMs), turns: new Turns() },
    ...{ recent: new RecentRequests(), metrics: new Metrics(), ids: new RequestIds() },
    ...{
      limiter: new Limiter(steadyMs),
      log: new RequestLog(overwriteRecord),
      guard: new HostGuard(hosts),
    },
    ...{ thread, scanner: new Scanner(thread), cache: newAnswerCache(), underWay: new UnderWay() },
  }
}

function newTelemetry(
  { otlp, version }: GatewayOptions,
  log: NonNullable<GatewayOptions['log']>,
): OtlpExporter | null {
  if (otlp === undefined) return null
  const resource = { version, instance: randomUUID(), attributes: otlp.resource }
  return new OtlpExporter(otlp, { resource, nowMs: () => Date.now(), wait: pause, log })
}

/** A front whose requests the faces answer; our own bug ends one request and not the process. */
function newFront(batch: Batch, ports: FacePorts, log: NonNullable<GatewayOptions['log']>): Front {
  const answer = (incoming: Incoming, reply: Reply) => {
    const failed = (error: unknown) => {
      if (refuseTooDeep(incoming, reply, error)) return
      log('a bug', { error: String(error) })
      reply.destroy()
    }
    try {
      const answering = answerRequest(ports, incoming, reply)
      if (answering !== undefined) ports.underWay.add(answering, failed)
    } catch (error) {
      failed(error)
    }
  }
  return new Front(batch, answer, (incoming) => isLetIn(ports, incoming))
}

// Who come at once, as after a restart, wait; of Node's own 511 the others are cut off. Linux bounds it by somaxconn.
const backlog = 4_096

async function listen(server: Server, { host, port }: GatewayOptions): Promise<string> {
  await new Promise<void>((resolve, reject) => {
    server.once('error', (cause: NodeJS.ErrnoException) => {
      const isTaken = cause.code === 'EADDRINUSE'
      const hint = isTaken
        ? 'another process has it: give another one with --port (tutti up: --gateway-port)'
        : cause.message
      reject(new Failure('gateway/port-taken', `cannot listen on ${host}:${port}: ${hint}`, cause))
    })
    server.listen({ port, host, backlog }, () => resolve())
  })
  const address = server.address()
  const actual = typeof address === 'object' && address !== null ? address.port : port
  const name = host === '0.0.0.0' || host === '::' ? '127.0.0.1' : host
  return `http://${name.includes(':') ? `[${name}]` : name}:${actual}`
}

/** Takes no more connections, and gives what is under way so long. */
async function drain(
  {
    front,
    sockets,
    relays,
    ports,
  }: {
    readonly front: Front
    readonly sockets: ResponseSockets
    readonly relays: RelayDoor
    readonly ports: Pick<FacePorts, 'underWay'>
  },
  drainMs: number,
): Promise<void> {
  const cut = () => {
    front.stop()
    relays.stop() // a node that has gone leaves its port behind, which keeps nobody waiting
  }
  const timer = setTimeout(cut, drainMs)
  let hasTurns = true
  const turnsEnd = sockets.drain(drainMs).then(() => {
    hasTurns = false
  })
  // Once nothing is under way, connections that are only kept keep nobody waiting.
  const idle = setInterval(() => {
    if (front.inflight > 0) return
    front.endIdle()
    if (!hasTurns) relays.stop() // until then requests go by them
  }, idleCheckMs)
  await new Promise<void>((resolve) => {
    front.server.close(() => resolve())
    front.drain()
  })
  await turnsEnd
  clearTimeout(timer)
  clearInterval(idle)
  cut()
  await ports.underWay.settled(settleMsMax) // what was cut, too
}

function logLine(event: string, fields: Readonly<Record<string, unknown>>): void {
  const line = { time: new Date().toISOString(), service: 'gateway', event, ...fields }
  process.stderr.write(`${JSON.stringify(line)}\n`)
}
