// Start
//
// Wires a node: identity, serving room, agent. The only file that knows all of them.

import { existsSync, readFileSync, statfsSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { relayScheme } from '@tutti/core/routing'
import type { ProcessKind } from '@tutti/core/workflow'
import { signText } from '@tutti/ledger'
import { makeFolder, systemClock, watchFileLimit } from '@tutti/machine'
import { Failure } from './failure.ts'
import {
  BlobCache,
  BlobShare,
  dialSocket,
  forgetLog,
  keepState,
  keyOf,
  loadNodeIdentity,
  measureFacts,
  NodeAgent,
  type NodeIdentity,
  openLoadMeter,
  openModelStore,
  openPeerLine,
  openStateStore,
  peerBlobsPath,
  reachOf,
  type StateStore,
  shareBytesPerSecondDefault,
} from './fleet/index.ts'
import { openCredentials } from './governance/index.ts'
import { Relays } from './routing/index.ts'
import { ModelServer, OipServer, RecentPredictions, Telemetry } from './serving/index.ts'
import { limitsDefault, ProcessWorker } from './workflow/index.ts'

export interface NodeOptions {
  /** Holds identity, state and models. */
  readonly folder: string
  readonly host: string
  /** 0 takes any free port. */
  readonly port: number
  /** What others are told to call, where it differs from host and port. */
  readonly endpoint?: string | undefined
  /** False: it listens on no port, and is asked over connections that it opens to gateways. */
  readonly listens?: boolean | undefined
  /** It can be dialled, and opens connections to gateways that cannot all the same. */
  readonly relays?: boolean | undefined
  /** Host names that requests may be addressed to, besides loopback, `host` and the endpoint's. */
  readonly hosts?: readonly string[] | undefined
  /** Where the control plane answers now, where that is not where the node joined. */
  readonly controlPlaneUrl?: string | undefined
  /** Memory that models may take; all of the machine's where absent. */
  readonly memoryBytes?: number | undefined
  /** Disk that models may take, those kept for a rollback included; half of it where absent. */
  readonly diskBytes?: number | undefined
  readonly threads?: number | undefined
  /** Bytes a second that neighbours on the site may have of it; 0: it gives none and takes none. */
  readonly shareBytesPerSecond?: number | undefined
  /** Takes the control plane's log as it is, were it not the one that this node has seen. */
  readonly acceptLog?: boolean | undefined
  /** PEM keys or certificates: only their models run here, whatever an assignment says. */
  readonly publishers?: readonly string[] | undefined
  /** Processes of workflows that may run here, if the control plane's policies let them; none. */
  readonly allowRun?: readonly ProcessKind[] | undefined
  readonly version: string
  readonly log?: (event: string, fields: Readonly<Record<string, unknown>>) => void
}

export interface RunningNode {
  readonly name: string
  readonly url: string
  readonly localKey: string
  readonly stop: () => Promise<void>
}

/** Starts a node that has joined. It serves what it last committed before this resolves. */
export async function startNode(options: NodeOptions): Promise<RunningNode> {
  const joined = loadNodeIdentity(options.folder)
  if (joined === null) {
    const where = `${options.folder} has no identity`
    const message = `this machine has not joined a control plane (${where})`
    throw new Failure('node/not-joined', `${message}: run tutti join URL --token TOKEN`)
  }
  const identity = { ...joined, url: options.controlPlaneUrl ?? joined.url }
  const { localKey, controlPlane } = identity
  const log = options.log ?? logLine
  const nowMs = () => Date.now()
  makeFolder(join(options.folder, 'blobs'))
  const blobs = openBlobs(options, identity, log)
  const telemetry = new Telemetry()
  let agent: NodeAgent | null = null // written once, below
  const models = new ModelServer({
    telemetry,
    ...(options.threads === undefined ? {} : { threads: options.threads }),
    onState: (model) => {
      if (model.state.phase !== 'dead') return
      agent?.crashed(model.model, model.release, model.state.failure.message)
    },
  })
  const server = new OipServer({
    models,
    predictions: new RecentPredictions(telemetry),
    authorize: openCredentials({ localKey, controlPlane, nowMs }),
    version: options.version,
    reportBug: (thrown) => log('a bug', { error: String(thrown) }),
    host: options.host,
    hosts: [...hostsOf(options), ...(options.hosts ?? [])],
    faces: blobs.faces,
  })
  const { url, endpoint } = await listen(server, options, identity)
  const relays = openRelays({ server, identity, log, isNeeded: endpoint === undefined }, options)
  const worker = openWorker(options, identity, log)
  const { folder, version, memoryBytes } = options
  const facts = { folder, version, endpoint, runtime: runtimeName(), memoryBytes }
  const loadOf = openLoadMeter()
  const letGo = keepProcess(log)
  const stop = async () => {
    await agent?.stop()
    await blobs.stop()
    await server.stop()
    relays?.stop()
    await worker?.stop()
    await models.stop()
    letGo()
  }
  agent = await NodeAgent.start({
    ...{ identity, server: models, telemetry, log },
    state: openState(options),
    models: openModelStore(blobs.cache),
    dial: dialSocket,
    clock: systemClock,
    chance: Math.random,
    facts: () => measureFacts(facts),
    load: () => loadOf(models.inflight),
    onSession: (bearer) => {
      const session = bearer === null ? null : { url: identity.url, bearer }
      for (const one of [relays, worker]) one?.use(session)
    },
    pinnedPublishers: options.publishers ?? null,
  }).catch(async (error: unknown) => {
    await stop() // what listens already would keep the process alive
    throw error
  })
  log('serving', { node: identity.name, url })
  return { name: identity.name, url, localKey, stop }
}

/**
 * The clock's timers keep no process alive, and what listens on no port may have nothing else.
 * While it lives, it says where it may open no more connections.
 */
function keepProcess(log: NonNullable<NodeOptions['log']>): () => void {
  const unwatch = watchFileLimit(log, 'allow more (ulimit -Hn, LimitNOFILE=)')
  const alive = setInterval(() => {}, 2 ** 31 - 1) // the longest that there is: it does nothing
  return () => {
    clearInterval(alive)
    unwatch()
  }
}

/** Runs scripts and commands of workflows, where that is allowed here. */
function openWorker(
  { allowRun = [] }: NodeOptions,
  { name: node, controlPlane }: NodeIdentity,
  log: NonNullable<NodeOptions['log']>,
): ProcessWorker | null {
  if (allowRun.length === 0) return null
  const nowMs = () => Date.now()
  const about = { node, controlPlane, kinds: allowRun, limits: limitsDefault }
  const worker = new ProcessWorker({ ...about, nowMs, log })
  worker.start().catch((error: unknown) => log('a bug', { error: String(error) }))
  return worker
}

/** Where it answers, and where others are told to call it; nowhere where they could not. */
async function listen(
  server: OipServer,
  options: NodeOptions,
  identity: NodeIdentity,
): Promise<{ readonly url: string; readonly endpoint: string | undefined }> {
  const { host } = options
  if (options.listens === false) {
    return { url: `${relayScheme}//${identity.name}`, endpoint: undefined }
  }
  const port = await takePort(server, options)
  const url = `http://${host.includes(':') ? `[${host}]` : host}:${port}`
  // On loopback nobody finds it but this machine; the control plane is on another one.
  const isHidden = reachOf(url) === 'this-machine' && reachOf(identity.url) !== 'this-machine'
  return { url, endpoint: options.endpoint ?? (isHidden ? undefined : url) }
}

/**
 * A node that may take any port takes the one it had: whoever holds its address finds it again
 * after a restart, before anybody has told them anything.
 */
async function takePort(server: OipServer, { folder, port }: NodeOptions): Promise<number> {
  if (port !== 0) return await server.start(port)
  const path = join(folder, 'port')
  const before = existsSync(path) ? Number(readFileSync(path, 'utf8')) : 0
  const isPort = Number.isInteger(before) && before > 0 && before < 65_536
  const again = isPort ? await server.start(before).catch(() => null) : null // taken meanwhile
  if (again !== null) return again
  const any = await server.start(0)
  keepState(path, String(any))
  return any
}

/** Connections to gateways, for a node that they cannot dial or that wants them besides. */
function openRelays(
  of: {
    readonly server: OipServer
    readonly identity: NodeIdentity
    readonly log: NonNullable<NodeOptions['log']>
    readonly isNeeded: boolean
  },
  options: NodeOptions,
): Relays | null {
  if (!of.isNeeded && options.relays !== true) return null
  const key = keyOf(of.identity)
  return new Relays({
    clock: systemClock,
    sign: (prefix, text) => signText(key, prefix, text),
    serve: (connection) => of.server.serve(connection),
    log: of.log,
  })
}

/** The files on this disk, and the face by which neighbours get them. */
function openBlobs(
  options: NodeOptions,
  identity: NodeIdentity,
  log: NonNullable<NodeOptions['log']>,
) {
  const bytesPerSecond = options.shareBytesPerSecond ?? shareBytesPerSecondDefault
  const peers = bytesPerSecond > 0 ? openPeerLine(keyOf(identity), identity.url) : null
  const diskBytes = () => options.diskBytes ?? halfOfDisk(options.folder)
  const cache = new BlobCache(join(options.folder, 'blobs'), diskBytes, peers)
  if (peers === null) return { cache, faces: {}, stop: async () => {} }
  const { name: node, controlPlane } = identity
  const nowMs = () => Date.now()
  const onBroken = (reason: string) => log('a neighbour did not get all it asked for', { reason })
  const share = new BlobShare({
    ...{ node, controlPlane, blobs: cache, nowMs, bytesPerSecond, onBroken },
  })
  return {
    cache,
    faces: { [peerBlobsPath]: share.answer.bind(share) },
    stop: () => peers.agent.destroy(),
  }
}

/** What callers write in Host when they come by the address or the endpoint that we gave. */
function hostsOf({ host, endpoint }: NodeOptions): string[] {
  const own = host.includes(':') ? `[${host}]` : host
  return endpoint === undefined ? [own] : [own, new URL(endpoint).hostname]
}

function openState({ folder, acceptLog }: NodeOptions): StateStore {
  const store = openStateStore(folder)
  if (acceptLog === true) store.save(forgetLog(store.load()))
  return store
}

function halfOfDisk(folder: string): number {
  const { blocks, bsize } = statfsSync(folder)
  return Math.floor((blocks * bsize) / 2)
}

/** `onnxruntime-node 1.30.0`, or the wasm build where the native one is not installed. */
function runtimeName(): string {
  const require = createRequire(import.meta.url)
  const isWasm = process.env['TUTTI_ONNX'] === 'wasm'
  for (const name of isWasm ? ['onnxruntime-web'] : ['onnxruntime-node', 'onnxruntime-web']) {
    try {
      require.resolve(name)
      return name
    } catch {
      // not installed: the next one
    }
  }
  return 'none'
}

function logLine(event: string, fields: Readonly<Record<string, unknown>>): void {
  const line = { time: new Date().toISOString(), service: 'node', event, ...fields }
  process.stderr.write(`${JSON.stringify(line)}\n`)
}
