// Hub
//
// Holds the nodes' connections. Authenticates both ways, takes in status and heartbeats, pushes whole
// assignments on change. It decides nothing about rollouts and writes nothing per heartbeat.
//
// Invariants:
//   H1. Nothing a connection says counts before its signature over our nonce has been verified.
//   H2. A node has one connection: a newer one ends the older.
//   H3. A gap in the sequence leads to a full report.
//   H4. Every queue towards a node is bounded: one that does not read is cut off.
//   H5. A frame goes on from the checkpoint that was sent before it on the same connection; a node that
//       could not take one in asks for all of them again.
//   H6. Of many that come at once, those over `admissionsPerSecond` are each told a moment of their own.

import { randomBytes } from 'node:crypto'
import type { IncomingMessage } from 'node:http'
import type { Duplex } from 'node:stream'
import { frameBytesMax, type NodeSpec } from '@tutti/core/fleet'
import { signingPrefix } from '@tutti/core/resource'
import type { Clock } from '@tutti/machine'
import { WebSocketServer } from 'ws'
import type { Identity } from '../governance/index.ts'
import type { AssignmentFeed } from './assignment-feed.ts'
import { type DeclaredNode, declaredOf, greet, type Hello, parseFrame, send } from './greet.ts'
import { type Link, socketLink } from './link.ts'
import { type Outbox, openOutbox, type Receiver } from './outbox.ts'
import type { Registry } from './registry.ts'

export interface HubPorts {
  readonly feed: AssignmentFeed
  /** The spec of the Node resource, or null where there is none. */
  readonly loadNode: (name: string) => Promise<NodeSpec | null>
  readonly identity: Pick<Identity, 'sign'>
  readonly registry: Registry
  readonly heartbeatMs: number
  readonly log: { readonly info: Log; readonly warn: Log }
  readonly clock: Clock
  /** A node said something that may change a plan: wakes the loops. */
  readonly onChange: () => void
  /** A node's facts are new: they are kept with its resource. */
  readonly onFacts: (node: string, facts: unknown) => void
}
type Log = (fields: object, message: string) => void

export interface Hub {
  readonly handleUpgrade: (request: IncomingMessage, socket: Duplex, head: Buffer) => void
  /** Takes a connection of whoever it is. */
  readonly accept: (link: Link) => void
  /** Sends assignments that are new since the last push. */
  readonly push: () => Promise<void>
  /** Tells a node what its resource says of it now. */
  readonly sendDeclared: (node: string, declared: DeclaredNode) => void
  /** The node whose connection this session belongs to, or null. */
  readonly nodeOf: (session: string) => string | null
  readonly disconnect: (node: string) => void
  readonly stop: () => Promise<void>
}

interface Connection extends Receiver {
  readonly node: string
  readonly session: string
  /** Written by `receive` alone. */
  sequence: number
  /** On the steady clock; written by `receive` alone. */
  heardMs: number
}

// a handshake costs about 0.3 ms: leaves most of the core to others
const admissionsPerSecond = 1_000

const socketOptions = { noServer: true, maxPayload: frameBytesMax, perMessageDeflate: false }

export function openHub(ports: HubPorts): Hub {
  const server = new WebSocketServer(socketOptions)
  const links = new Set<Link>() // with and without a hello; written by accept alone
  const connections = new Map<string, Connection>() // by node; written by join and leave below
  const sessions = new Map<string, string>()
  const outbox = openOutbox(ports.feed)
  const inbox = { ...ports, outbox }
  const admission = openAdmission(ports)
  const endWatch = watchSilent(connections, ports)

  const leave = (connection: Connection) => {
    sessions.delete(connection.session)
    if (connections.get(connection.node) !== connection) return
    connections.delete(connection.node)
    ports.registry.disconnect(connection.node)
    ports.onChange()
  }
  const join = (connection: Connection) => {
    connections.get(connection.node)?.link.terminate() // H2
    connections.set(connection.node, connection)
    sessions.set(connection.session, connection.node)
    ports.registry.connect(connection.node, ports.clock.nowMs())
    connection.link.onClose(() => leave(connection))
  }
  const admit = async (link: Link) => {
    const hello = await prove(ports, link)
    // One that left while we looked it up would stay connected for ever: its close is past.
    if (hello === null || !link.isOpen()) return
    const connection = welcome(ports, link, hello)
    join(connection)
    link.onFrame((frame) => receive(inbox, connection, frame))
    await outbox.sendAll(connection)
  }
  const accept = (link: Link) => {
    links.add(link)
    link.onClose(() => links.delete(link))
    const waitMs = admission() // H6
    if (waitMs > 0) {
      send(link, { type: 'retry', afterMs: waitMs, reason: 'many nodes connect at once' })
      link.close(1013)
      return
    }
    admit(link).catch((error: unknown) => {
      // the database is away: it tries again
      ports.log.warn({ error }, 'a node could not be admitted')
      link.terminate()
    })
  }
  server.on('connection', (socket) => accept(socketLink(socket)))

  return {
    accept,
    handleUpgrade: (request, socket, head) =>
      server.handleUpgrade(request, socket, head, (ws) => server.emit('connection', ws, request)),
    push: () => outbox.push(connections.values()),
    sendDeclared: (node, declared) => {
      const connection = connections.get(node)
      if (connection) send(connection.link, { type: 'declared', ...declaredOf(declared) })
    },
    nodeOf: (session) => sessions.get(session) ?? null,
    disconnect: (node) => connections.get(node)?.link.terminate(),
    stop: async () => {
      endWatch()
      for (const link of links) link.terminate() // those without a hello, too
      await new Promise<void>((resolve) => server.close(() => resolve()))
    },
  }
}

async function prove(ports: HubPorts, link: Link): Promise<Hello | null> {
  const onImpostor = (node: string) =>
    ports.log.warn({ node }, 'a connection did not prove to be the node it names') // H1
  return await greet({ ...ports, onImpostor }, link)
}

function welcome(ports: HubPorts, link: Link, hello: Hello): Connection {
  ports.registry.declare({ id: hello.node, ...hello.declared }, null)
  const session = randomBytes(24).toString('base64url')
  send(link, {
    type: 'welcome',
    signature: ports.identity.sign(signingPrefix.welcome, hello.nonce),
    heartbeatMs: ports.heartbeatMs,
    session,
    ...hello.declared,
    nowMs: ports.clock.nowMs(),
  })
  send(link, { type: 'report-full' })
  return {
    link,
    node: hello.node,
    session,
    sequence: -1,
    sentSize: hello.checkpointSize,
    heardMs: ports.clock.steadyMs(),
  }
}

function receive(
  ports: HubPorts & { readonly outbox: Outbox },
  connection: Connection,
  text: string,
): void {
  const message = parseFrame(text)
  if (message === null || message.type === 'hello') {
    ports.log.warn({ node: connection.node }, 'a node sent a frame that is not of the protocol')
    connection.link.close(1007)
    return
  }
  const nowMs = ports.clock.nowMs()
  const isGap = message.sequence !== connection.sequence + 1
  connection.sequence = message.sequence
  connection.heardMs = ports.clock.steadyMs()
  if (isGap && !(message.type === 'status' && message.full)) {
    send(connection.link, { type: 'report-full' }) // H3
  }
  switch (message.type) {
    case 'heartbeat':
      ports.registry.heartbeat(connection.node, { ...message, nowMs })
      if (message.telemetry.length > 0) ports.onChange()
      return
    case 'assign-again':
      connection.sentSize = message.checkpointSize // H5
      ports.outbox.sendAll(connection).catch((error: unknown) => {
        ports.log.warn({ node: connection.node, error }, 'assignments could not be sent again')
        connection.link.terminate() // it comes back, and gets all of them
      })
      return
    case 'status':
      if (ports.registry.report(connection.node, { ...message, facts: message.facts, nowMs })) {
        ports.onFacts(connection.node, message.facts)
      }
      ports.onChange()
  }
}

/** Ends connections that are silent for two heartbeats and a half, until it is ended itself. */
function watchSilent(connections: ReadonlyMap<string, Connection>, ports: HubPorts): () => void {
  const { clock, heartbeatMs } = ports
  let forget = () => {} // the next look; `look` writes
  const look = () => {
    const oldestMs = clock.steadyMs() - 2.5 * heartbeatMs
    for (const { link, heardMs } of connections.values()) if (heardMs < oldestMs) link.terminate()
    forget = clock.schedule(heartbeatMs, look)
  }
  forget = clock.schedule(heartbeatMs, look)
  return () => forget()
}

/**
 * Says how long a connection must wait: 0, or until the next moment that is nobody else's, so that
 * it need not ask twice.
 */
function openAdmission({ clock }: HubPorts): () => number {
  const slotMs = 1000 / admissionsPerSecond
  let tokens = admissionsPerSecond // written here alone
  let filledMs = clock.steadyMs()
  let nextMs = 0 // the first moment that nobody was told
  return () => {
    const now = clock.steadyMs()
    const refill = (now - filledMs) / slotMs
    tokens = Math.min(admissionsPerSecond, tokens + refill)
    filledMs = now
    if (tokens >= 1) {
      tokens -= 1
      return 0
    }
    nextMs = Math.max(nextMs + slotMs, now + retryMsMin)
    return Math.ceil(nextMs - now)
  }
}

const retryMsMin = 200 // sooner, and the burst that is being admitted is still under way
