// Start
//
// Wires a control plane: database, keys, policies, hub, loops, API. The only file that knows all of them.

import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { getRequestListener } from '@hono/node-server'
import { nodeSpec } from '@tutti/core/fleet'
import { whyForeign } from '@tutti/core/governance'
import type { ResourceKey } from '@tutti/core/resource'
import { systemClock, watchFileLimit } from '@tutti/machine'
import type { Logger } from 'pino'
import { type ApiPorts, makeApp } from './api/index.ts'
import { Failure } from './failure.ts'
import {
  declareNodes,
  type Hub,
  type NodeLine,
  openAssignmentFeed,
  openHub,
  openNodeLookup,
  openRegistry,
  openRolloutStore,
  openSharing,
  type Registry,
  type RolloutPorts,
  reconcileRollouts,
  redeclareNode,
} from './fleet/index.ts'
import {
  bootstrap,
  checkKeys,
  collectBlobs,
  type FirstCredentials,
  type Identity,
  ledgerPace,
  loadIdentity,
  sequence,
} from './governance/index.ts'
import { type Loop, type RunningLoops, startLoops } from './loops.ts'
import { type News, openNews } from './news.ts'
import { openLog } from './open-log.ts'
import { openPolicyCache, type PolicyCache } from './policy-cache.ts'
import {
  foldBudgets,
  type KeptRequests,
  openGatewayDirectory,
  openKeptRequests,
  openSnapshotFeed,
  openStoredResponses,
  type StoredResponses,
} from './routing/index.ts'
import {
  allResources,
  type Blobs,
  ChangeLine,
  type Database,
  loadResource,
  openBlobs,
  openDatabase,
  type Sql,
  saveStatus,
} from './store/index.ts'
import {
  archiveRuns,
  type Inference,
  openWorkflows,
  orderLifecycle,
  publishEvent,
  type Retention,
  recordHeads,
  retentionDefault,
  type Workflows,
} from './workflow/index.ts'

export interface ControlPlaneOptions {
  /** Holds keys, blobs and, without a database URL, Postgres. */
  readonly dataFolder: string
  readonly databaseUrl?: string | undefined
  readonly host: string
  /** 0 takes any free port. */
  readonly port: number
  /** Host names besides loopback ones that requests may be addressed to. */
  readonly hosts?: readonly string[]
  readonly publicUrl?: string | undefined
  readonly heartbeatMs?: number
  readonly workflows?: {
    /** Whether steps may call addresses in private networks; by default they may not. */
    readonly allowPrivateCalls?: boolean
    /** Where `tutti.infer` asks, and with which key; asked each time. */
    readonly inference?: () => Inference | null
    /** How long runs are kept after their end. */
    readonly retention?: Retention
  }
  readonly logLevel?: string
  readonly version: string
  /**
   * Publishers that the default project trusts, and the admin's approval key, on the first start.
   */
  readonly first?: {
    readonly publishers: readonly { readonly name: string; readonly pem: string }[]
    readonly approvalKey: string | undefined
  }
}

export interface ControlPlane {
  readonly url: string
  /** Secrets made on the first start, else null. */
  readonly credentials: FirstCredentials | null
  readonly stop: () => Promise<void>
}

const heartbeatMsDefault = 10_000

/** Starts a control plane; resolves when it answers. */
export async function startControlPlane(options: ControlPlaneOptions): Promise<ControlPlane> {
  const log = openLog(options.logLevel ?? 'info')
  // The port first: where it is taken, nothing else has been touched.
  const server = createServer()
  server.on('request', answerNotYet)
  const url = await listenOn(server, options)
  const database = await openDatabase({
    url: options.databaseUrl,
    dataFolder: options.dataFolder,
  }).catch((error: unknown) => {
    server.close()
    throw error
  })
  try {
    return watched(await serveOn({ server, url, database, log }, options), log)
  } catch (error) {
    server.close()
    await database.stop()
    throw error
  }
}

interface Opened {
  readonly server: Server
  readonly url: string
  readonly database: Database
  readonly log: Logger
}

async function serveOn(
  { server, url, database, log }: Opened,
  options: ControlPlaneOptions,
): Promise<ControlPlane> {
  const { sql } = database
  const identity = loadIdentity(options.dataFolder)
  await checkKeys(sql, identity, options.dataFolder)
  const blobs = await openBlobs(`${options.dataFolder}/blobs`)
  const first = options.first ?? { publishers: [], approvalKey: undefined }
  const credentials = await bootstrap(sql, { nowMs: Date.now(), ...first })
  const cache = openPolicyCache(sql)
  const registry = openRegistry()
  declareNodes(await allResources(sql, 'Node'), registry)
  const nowMs = () => Date.now()
  const changes = new ChangeLine(sql, heedPolicies(cache))
  const shared = { sql, identity, registry, log, nowMs, policies: cache.current }
  const heartbeatMs = options.heartbeatMs ?? heartbeatMsDefault
  let awake: RunningLoops | null = null // written once, below; before, there is nothing to wake
  const wake = (name: string) => awake?.wake(name)
  const hub = openFleetHub(shared, heartbeatMs, wake)
  const resources = { changes: 0 } // the listener writes
  const version = () => `${registry.version()} ${resources.changes}`
  const snapshots = openSnapshotFeed({ ...shared, version })
  const store = openRolloutStore({ ...shared, changes, publish: publishEvent })
  const rollouts = { ...shared, store, heartbeatMs }
  const news = await openNews(database)
  const workflows = await openWorkflows({
    ...{ ...shared, blobs, news, decrypt: identity.decrypt, version: options.version },
    allowPrivateCalls: options.workflows?.allowPrivateCalls ?? false,
    inference: options.workflows?.inference ?? (() => null),
  })
  follow(news, { ...shared, policies: cache, hub, wake, resources, ...workflows })
  const kept = openKept(sql, nowMs)
  const loops: RunningLoops = startLoops(
    loopTable({
      ...kept,
      ...{ database, news, identity, rollouts, hub, snapshots, blobs, workflows },
      retention: options.workflows?.retention ?? retentionDefault,
    }),
    (loop, error) => log.error({ loop, error }, 'a turn failed and is tried again'),
  )
  awake = loops
  const sharing = openSharing({ sql, blobs, registry, clock: systemClock })
  const ports: ApiPorts = {
    ...{ ...shared, ...kept, blobs, hub, sharing, snapshots, workflows, news },
    gateways: openGatewayDirectory(),
    admission: { ...shared, blobs, changes },
    loops: () => loops,
    publicUrl: () => options.publicUrl ?? url,
    hosts: options.hosts ?? [],
    version: options.version,
  }
  server.off('request', answerNotYet)
  server.on('request', getRequestListener(makeApp(ports).fetch))
  server.on('upgrade', (request, socket, head) => {
    const isOurs = whyForeign(request.headers, ports.hosts) === null
    if (isOurs && request.url === '/api/v1/connect') hub.handleUpgrade(request, socket, head)
    else socket.destroy()
  })
  log.info({ url, database: database.describe }, 'the control plane answers')
  return {
    url,
    credentials,
    stop: () => {
      sharing.swarms.stop()
      return stop({ ...{ server, loops, hub, workflows, database, log }, news })
    },
  }
}

/** Says where it may open no more connections. */
function watched(controlPlane: ControlPlane, log: Logger): ControlPlane {
  const hint = 'one is open for each node and each caller: allow more (ulimit -Hn, LimitNOFILE=)'
  const unwatch = watchFileLimit((event, fields) => log.warn(fields, event), hint)
  return {
    ...controlPlane,
    stop: async () => {
      unwatch()
      await controlPlane.stop()
    },
  }
}

/** The hub with its sight of the store: what to assign, which nodes there are, what they have. */
function openFleetHub(
  shared: Pick<ApiPorts, 'sql' | 'identity' | 'registry' | 'log' | 'nowMs'>,
  heartbeatMs: number,
  wake: (loop: string) => void,
): Hub {
  const { sql, identity, registry, log, nowMs } = shared
  return openHub({
    ...{ identity, registry, log, heartbeatMs },
    clock: systemClock,
    feed: openAssignmentFeed(sql, identity),
    loadNode: openNodeLookup(sql),
    onChange: () => {
      wake('rollouts')
      wake('snapshots')
    },
    onFacts: (node, facts) => {
      keepFacts(sql, node, facts, nowMs()).catch((error: unknown) =>
        log.warn({ node, error }, 'the facts of a node were not kept: it says them again'),
      )
    },
  })
}

/** Between the first byte of a start and the last, callers are asked to come back. */
function answerNotYet(_: IncomingMessage, response: ServerResponse): void {
  const error = { code: 'api/unavailable', message: 'the control plane is starting' }
  response.writeHead(503, { 'content-type': 'application/json', 'retry-after': '1' })
  response.end(JSON.stringify({ error }))
}

/** What gateways keep here for those who call them. */
function openKept(sql: Sql, nowMs: () => number) {
  const storedResponses = openStoredResponses(sql, nowMs)
  return { storedResponses, keptRequests: openKeptRequests(sql, nowMs) }
}

/** All background work of a control plane. */
function loopTable(of: {
  readonly database: Database
  readonly news: News
  readonly identity: Identity
  readonly rollouts: RolloutPorts
  readonly hub: { readonly push: () => Promise<void> }
  readonly snapshots: { readonly refresh: () => Promise<void> }
  readonly blobs: Blobs
  readonly workflows: Pick<Workflows, 'schedules'>
  readonly retention: Retention
  readonly storedResponses: StoredResponses
  readonly keptRequests: KeptRequests
}): Loop[] {
  const { database, identity } = of
  const { sql } = database
  const { nowMs } = of.rollouts
  return [
    {
      name: 'ledger',
      ...ledgerPace,
      turn: async () => void (await sequence(sql, identity, nowMs())),
    },
    { name: 'rollouts', everyMs: 500, gatherMs: 50, turn: () => reconcileRollouts(of.rollouts) },
    { name: 'push', everyMs: 2_000, gatherMs: 1, turn: () => of.hub.push() },
    { name: 'snapshots', everyMs: 1_000, gatherMs: 50, turn: () => of.snapshots.refresh() },
    { name: 'database', everyMs: 2_000, gatherMs: 50, turn: database.keep },
    {
      name: 'run-heads',
      everyMs: 5_000,
      gatherMs: 1_000,
      turn: async () => void (await recordHeads(sql, nowMs())),
    },
    {
      name: 'archive',
      everyMs: 3_600_000,
      gatherMs: 60_000,
      turn: async () => void (await archiveRuns(sql, of.retention, nowMs())),
    },
    { name: 'lifecycle', everyMs: 15_000, gatherMs: 5, turn: () => orderLifecycle(sql) },
    { name: 'schedules', everyMs: 15_000, gatherMs: 5, ...of.workflows.schedules },
    { name: 'news', everyMs: 5_000, gatherMs: 50, turn: () => of.news.check() },
    {
      name: 'stored-responses',
      everyMs: 3_600_000,
      gatherMs: 60_000,
      turn: of.storedResponses.sweep,
    },
    {
      name: 'kept-requests',
      everyMs: 600_000,
      gatherMs: 60_000,
      turn: of.keptRequests.sweep,
    },
    { name: 'budgets', everyMs: 3_600_000, gatherMs: 60_000, turn: () => foldBudgets(sql) },
    {
      name: 'blobs',
      everyMs: 3_600_000,
      gatherMs: 60_000,
      turn: async () => void (await collectBlobs(sql, of.blobs, nowMs())),
    },
  ]
}

async function keepFacts(sql: Sql, node: string, facts: unknown, nowMs: number): Promise<void> {
  const [row] = await sql<{ generation: number }[]>`
    select generation from resource where kind = 'Node' and name = ${node} and not deleted`
  if (row === undefined) return
  const key = { kind: 'Node', project: '', name: node }
  await saveStatus(sql, key, { generation: row.generation, status: facts, nowMs })
}

/** One that was declared holds for its caller's next request, which its news may come after. */
function heedPolicies(cache: PolicyCache) {
  return ({ kind }: ResourceKey) => {
    if (kind === 'Policy') cache.forget()
  }
}

/** Hears what changed and tells those whom it concerns. */
function follow(
  news: News,
  to: {
    readonly sql: Sql
    readonly policies: { readonly forget: () => void }
    readonly registry: Registry
    readonly hub: NodeLine
    readonly log: Logger
    readonly wake: (loop: string) => void
    readonly resources: { changes: number }
    readonly schedules: { readonly forget: () => void }
  },
): void {
  const changed = () => {
    to.resources.changes += 1
    to.wake('rollouts')
    to.wake('snapshots')
  }
  const relabelled = (node: string) =>
    relabel(to.sql, to, node).catch((error: unknown) =>
      to.log.error({ node, error }, 'a changed node was not read: it is when it connects again'),
    )
  news.subscribe('resource', {
    onNews: (key) => {
      if (key.startsWith('Policy/')) to.policies.forget()
      if (key.startsWith('Workflow/')) {
        to.schedules.forget()
        to.wake('schedules')
      }
      if (key.startsWith('Node/')) void relabelled(key.split('/')[2] ?? '')
      changed()
    },
    onGap: () => {
      to.log.warn('the database was silent: everything is looked at again')
      to.policies.forget()
      to.schedules.forget()
      changed()
      for (const { id } of [...to.registry.all()]) void relabelled(id)
    },
  })
  for (const [channel, loop] of [
    ['ledger', 'ledger'],
    ['checkpoint', 'push'],
    ['workflow_trigger', 'schedules'],
    ['workflow_lifecycle', 'lifecycle'],
  ] as const) {
    const wake = () => to.wake(loop)
    news.subscribe(channel, { onNews: wake, onGap: wake })
  }
}

async function relabel(
  sql: Sql,
  to: { readonly registry: Registry; readonly hub: NodeLine },
  name: string,
): Promise<void> {
  const node = await loadResource(sql, { kind: 'Node', project: '', name })
  redeclareNode(to, name, node === null ? null : nodeSpec.parse(node.spec))
}

async function listenOn(server: Server, options: ControlPlaneOptions): Promise<string> {
  await new Promise<void>((resolve, reject) => {
    server.once('error', (cause: NodeJS.ErrnoException) => {
      const taken = cause.code === 'EADDRINUSE'
      const hint = taken ? 'another process has it: give another one with --port' : cause.message
      const message = `cannot listen on ${options.host}:${options.port}: ${hint}`
      reject(new Failure('control-plane/port-taken', message, { cause }))
    })
    server.listen(options.port, options.host, () => resolve())
  })
  const address = server.address()
  const port = typeof address === 'object' && address !== null ? address.port : options.port
  const host = options.host === '0.0.0.0' || options.host === '::' ? '127.0.0.1' : options.host
  return `http://${host.includes(':') ? `[${host}]` : host}:${port}`
}

async function stop(of: {
  readonly server: Server
  readonly loops: RunningLoops
  readonly hub: { readonly stop: () => Promise<void> }
  readonly workflows: Workflows
  readonly news: News
  readonly database: Database
  readonly log: Logger
}): Promise<void> {
  const closed = new Promise<void>((resolve) => of.server.close(() => resolve()))
  await of.hub.stop()
  of.server.closeAllConnections()
  await closed
  await of.loops.stop()
  await of.news.stop()
  await of.workflows.stop()
  await of.database.stop()
  of.log.info('the control plane has stopped')
}
