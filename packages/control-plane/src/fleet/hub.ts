// Hub
//
// Holds the nodes' WebSockets. Authenticates both ways, takes in status and heartbeats, pushes whole
// assignments on change. It decides nothing about rollouts and writes nothing per heartbeat.
//
// Invariants:
//   H1. Nothing a connection says counts before its signature over our nonce has been verified.
//   H2. A node has one connection: a newer one ends the older.
//   H3. A gap in the sequence leads to a full report.
//   H4. Every queue towards a node is bounded: one that does not read is cut off.

import { randomBytes } from 'node:crypto'
import type { IncomingMessage } from 'node:http'
import type { Duplex } from 'node:stream'
import {
  frameBytesMax,
  type NodeSpec,
  nodeSpec,
  protocolVersion,
  type SignedAssignment,
  signingPrefix,
  type ToControlPlane,
  type ToNode,
  toControlPlane,
} from '@tutti/core/fleet'
import { verifyText } from '@tutti/ledger'
import { type WebSocket, WebSocketServer } from 'ws'
import {
  type Checkpoint,
  type Identity,
  newestCheckpoint,
  proveConsistency,
} from '../governance/index.ts'
import { loadResource, readTileFrom, type Sql } from '../store/index.ts'
import { signedAssignments } from './assignments.ts'
import type { Registry } from './registry.ts'

export interface HubPorts {
  readonly sql: Sql
  readonly identity: Identity
  readonly registry: Registry
  readonly heartbeatMs: number
  readonly log: { readonly info: Log; readonly warn: Log }
  readonly nowMs: () => number
  /** A node said something that may change a plan: wakes the loops. */
  readonly onChange: () => void
  /** A node's facts are new: they are kept with its resource. */
  readonly onFacts: (node: string, facts: unknown) => void
}
type Log = (fields: object, message: string) => void

export interface Hub {
  readonly handleUpgrade: (request: IncomingMessage, socket: Duplex, head: Buffer) => void
  /** Sends assignments that are new since the last push. */
  readonly push: () => Promise<void>
  /** Tells a node what its resource says of it now. */
  readonly sendDeclared: (node: string, declared: DeclaredNode) => void
  /** The node whose connection this session belongs to, or null. */
  readonly nodeOf: (session: string) => string | null
  readonly disconnect: (node: string) => void
  readonly stop: () => Promise<void>
}

interface Connection {
  readonly socket: WebSocket
  readonly node: string
  readonly session: string
  /** Written by `receive` alone. */
  sequence: number
  /** Tree size that the node last acknowledged; written by `receive` alone. */
  checkpointSize: number
  seenMs: number
}

const helloMs = 10_000
// a handshake costs about 0.3 ms: leaves most of the core to others
const admissionsPerSecond = 1_000
const bufferedBytesMax = 16 * 1024 * 1024 // two full frames: more, and the node is not reading

export function openHub(ports: HubPorts): Hub {
  const server = new WebSocketServer({
    noServer: true,
    maxPayload: frameBytesMax,
    perMessageDeflate: false,
  })
  const connections = new Map<string, Connection>() // by node; written by join and leave below
  const sessions = new Map<string, string>()
  const pushed = new Map<string, string>() // deployment → generation.revision; written by push
  const admission = openAdmission(ports.nowMs)
  const watch = setInterval(() => endSilent(connections, ports), ports.heartbeatMs)
  watch.unref()

  const leave = (connection: Connection) => {
    sessions.delete(connection.session)
    if (connections.get(connection.node) !== connection) return
    connections.delete(connection.node)
    ports.registry.disconnect(connection.node)
    ports.onChange()
  }
  const join = (connection: Connection) => {
    connections.get(connection.node)?.socket.terminate() // H2
    connections.set(connection.node, connection)
    sessions.set(connection.session, connection.node)
    ports.registry.connect(connection.node, ports.nowMs())
    connection.socket.once('close', () => leave(connection))
  }

  server.on('connection', (socket) => {
    socket.on('error', () => socket.terminate())
    const waitMs = admission()
    if (waitMs > 0) {
      send(socket, { type: 'retry', afterMs: waitMs, reason: 'many nodes connect at once' })
      socket.close(1013)
      return
    }
    const admit = async () => {
      const hello = await greet(ports, socket)
      // One that left while we looked it up would stay connected for ever: its close is past.
      if (hello === null || socket.readyState !== socket.OPEN) return
      const connection = welcome(ports, socket, hello)
      join(connection)
      socket.on('message', (data) => receive(ports, connection, String(data)))
      await sendAll(ports, connection)
    }
    admit().catch((error: unknown) => {
      // the database is away: it tries again
      ports.log.warn({ error }, 'a node could not be admitted')
      socket.terminate()
    })
  })

  return {
    handleUpgrade: (request, socket, head) =>
      server.handleUpgrade(request, socket, head, (ws) => server.emit('connection', ws, request)),
    push: () => pushChanged(ports, connections, pushed),
    sendDeclared: (node, declared) => {
      const connection = connections.get(node)
      if (connection) send(connection.socket, { type: 'declared', ...declaredOf(declared) })
    },
    nodeOf: (session) => sessions.get(session) ?? null,
    disconnect: (node) => connections.get(node)?.socket.terminate(),
    stop: async () => {
      clearInterval(watch)
      for (const socket of server.clients) socket.terminate() // those without a hello, too
      await new Promise<void>((resolve) => server.close(() => resolve()))
    },
  }
}

/** What a node must know of its own resource. */
export type DeclaredNode = Pick<NodeSpec, 'labels' | 'cordoned'>

type Hello = Extract<ToControlPlane, { type: 'hello' }> & { readonly declared: DeclaredNode }

/**
 * Challenge and response; null where the node did not prove who it is (the socket is closed
 * then).
 */
async function greet(ports: HubPorts, socket: WebSocket): Promise<Hello | null> {
  const nonce = randomBytes(24).toString('base64url')
  send(socket, { type: 'challenge', nonce, protocol: protocolVersion })
  const frame = await firstFrame(socket)
  const hello = frame === null ? null : parseFrame(frame)
  if (hello?.type !== 'hello') return refuse(socket, 'expected a hello within 10 s')
  if (hello.protocol !== protocolVersion) {
    return refuse(
      socket,
      `this control plane speaks protocol ${protocolVersion}, not ${hello.protocol}`,
    )
  }
  const resource = await loadResource(ports.sql, { kind: 'Node', project: '', name: hello.node })
  const spec = resource === null ? null : nodeSpec.parse(resource.spec)
  const text = `${nonce}\n${hello.nonce}`
  const signed = { text, signature: hello.signature }
  if (spec === null || !verifyText(spec.publicKey, signingPrefix.hello, signed)) {
    ports.log.warn({ node: hello.node }, 'a connection did not prove to be the node it names') // H1
    return refuse(socket, `not the node ${hello.node}: unknown here, removed, or another key`)
  }
  const declared = declaredOf(spec)
  ports.registry.declare({ id: hello.node, ...declared }, null)
  return { ...hello, declared }
}

function declaredOf({ labels, cordoned }: DeclaredNode): DeclaredNode {
  return { labels: { ...labels }, cordoned }
}

function welcome(ports: HubPorts, socket: WebSocket, hello: Hello): Connection {
  const session = randomBytes(24).toString('base64url')
  send(socket, {
    type: 'welcome',
    signature: ports.identity.sign(signingPrefix.welcome, hello.nonce),
    heartbeatMs: ports.heartbeatMs,
    session,
    ...hello.declared,
    nowMs: ports.nowMs(),
  })
  send(socket, { type: 'report-full' })
  return {
    socket,
    node: hello.node,
    session,
    sequence: -1,
    checkpointSize: hello.checkpointSize,
    seenMs: ports.nowMs(),
  }
}

function receive(ports: HubPorts, connection: Connection, text: string): void {
  const message = parseFrame(text)
  if (message === null || message.type === 'hello') {
    ports.log.warn({ node: connection.node }, 'a node sent a frame that is not of the protocol')
    connection.socket.close(1007)
    return
  }
  const nowMs = ports.nowMs()
  const isGap = message.sequence !== connection.sequence + 1
  connection.sequence = message.sequence
  connection.seenMs = nowMs
  if (isGap && !(message.type === 'status' && message.full)) {
    send(connection.socket, { type: 'report-full' }) // H3
  }
  if (message.type === 'heartbeat') {
    ports.registry.heartbeat(connection.node, { ...message, nowMs })
    if (message.telemetry.length > 0) ports.onChange()
    return
  }
  connection.checkpointSize = message.checkpointSize
  ports.registry.report(connection.node, { ...message, facts: message.facts, nowMs })
  if (message.facts !== undefined) ports.onFacts(connection.node, message.facts)
  ports.onChange()
}

async function sendAll(ports: HubPorts, connection: Connection): Promise<void> {
  const checkpoint = await newestCheckpoint(ports.sql)
  if (checkpoint === null) return
  const assignments = await signedAssignments(ports.sql, ports.identity, checkpoint)
  const frame = await frameFor(ports, connection.checkpointSize, { assignments, checkpoint })
  if (connection.socket.readyState === connection.socket.OPEN) connection.socket.send(frame)
}

async function pushChanged(
  ports: HubPorts,
  connections: ReadonlyMap<string, Connection>,
  pushed: Map<string, string>,
): Promise<void> {
  const checkpoint = await newestCheckpoint(ports.sql)
  if (checkpoint === null) return
  const all = await signedAssignments(ports.sql, ports.identity, checkpoint)
  const isNew = ({ key, text }: ReturnType<typeof versionOf>) => pushed.get(key) !== text
  const assignments = all.filter((signed) => isNew(versionOf(signed)))
  if (assignments.length === 0) return
  const frames = new Map<number, Promise<string>>() // one frame per size that nodes stand at: few
  for (const { socket, checkpointSize } of connections.values()) {
    const frame =
      frames.get(checkpointSize) ?? frameFor(ports, checkpointSize, { assignments, checkpoint })
    frames.set(checkpointSize, frame)
    if (socket.bufferedAmount > bufferedBytesMax)
      socket.terminate() // H4
    else if (socket.readyState === socket.OPEN) socket.send(await frame)
  }
  // Only now: a turn that failed before is tried again with the same assignments.
  for (const { key, text } of assignments.map(versionOf)) pushed.set(key, text)
}

function versionOf({ payload }: SignedAssignment): { readonly key: string; readonly text: string } {
  const { project, deployment, generation, revision } = JSON.parse(payload)
  return { key: `${project}/${deployment}`, text: `${generation}.${revision}` }
}

async function frameFor(
  ports: HubPorts,
  fromSize: number,
  at: { readonly assignments: readonly SignedAssignment[]; readonly checkpoint: Checkpoint },
): Promise<string> {
  const { assignments, checkpoint } = at
  const isKnown = fromSize > 0 && fromSize <= checkpoint.size
  const consistency = isKnown
    ? { consistency: await proveConsistency(readTileFrom(ports.sql), fromSize, checkpoint.size) }
    : {}
  const frame: ToNode = {
    type: 'assign',
    assignments: [...assignments],
    ...consistency,
    checkpoint: checkpoint.note,
  }
  return JSON.stringify(frame)
}

function endSilent(connections: ReadonlyMap<string, Connection>, ports: HubPorts): void {
  const oldestMs = ports.nowMs() - 2.5 * ports.heartbeatMs // two missed heartbeats and a half
  for (const { socket, seenMs } of connections.values()) if (seenMs < oldestMs) socket.terminate()
}

/** Says how long a connection must wait: 0, or a random moment of the next seconds. */
function openAdmission(nowMs: () => number): () => number {
  let tokens = admissionsPerSecond // written here alone
  let filledMs = nowMs()
  return () => {
    const now = nowMs()
    tokens = Math.min(admissionsPerSecond, tokens + ((now - filledMs) / 1000) * admissionsPerSecond)
    filledMs = now
    if (tokens >= 1) {
      tokens -= 1
      return 0
    }
    return 500 + Math.floor(Math.random() * 5_000)
  }
}

function firstFrame(socket: WebSocket): Promise<string | null> {
  return new Promise((resolve) => {
    const timer = setTimeout(() => resolve(null), helloMs)
    const end = (frame: string | null) => {
      clearTimeout(timer)
      resolve(frame)
    }
    socket.once('message', (data) => end(String(data)))
    socket.once('close', () => end(null))
  })
}

function refuse(socket: WebSocket, reason: string): null {
  if (socket.readyState === socket.OPEN) {
    send(socket, { type: 'retry', afterMs: 30_000, reason })
    socket.close(1008)
  }
  return null
}

function parseFrame(text: string): ToControlPlane | null {
  try {
    const parsed = toControlPlane.safeParse(JSON.parse(text))
    return parsed.success ? parsed.data : null
  } catch {
    return null // not JSON: the caller closes the connection
  }
}

function send(socket: WebSocket, message: ToNode): void {
  if (socket.readyState === socket.OPEN) socket.send(JSON.stringify(message))
}
