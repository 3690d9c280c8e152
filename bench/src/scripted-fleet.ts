// Scripted fleet
//
// Thousands of nodes with real sockets in one process. Each proves who it is, obeys at once by the same
// `releaseFor` that nodes run, reports, and beats; it runs no model and verifies nothing, so that what is
// measured is the control plane. It comes back by itself, by the node's own rule.

import type { KeyObject } from 'node:crypto'
import { type Assignment, releaseFor } from '@tutti/core/fleet'
import { signingPrefix } from '@tutti/core/resource'
import { didKeyOf, newPrivateKey, signText } from '@tutti/ledger'
import { WebSocket } from 'ws'

export interface FleetEvents {
  /** A node has an assign frame in hand. */
  readonly onAssign?: (node: ScriptedNode, assignments: readonly Assignment[]) => void
  /** The control plane has taken in what the node reported of its last assign frame. */
  readonly onAck?: (node: ScriptedNode) => void
  readonly onWelcome?: (node: ScriptedNode) => void
}

export interface FleetOptions extends FleetEvents {
  readonly url: () => string
  readonly heartbeatMs?: number
  /** How long a node takes to obey, at most. */
  readonly answerMsMax?: number
}

const facts = {
  ...{ version: 'bench', os: 'linux', arch: 'x64', cpus: 4, memoryBytes: 2 ** 33 },
  ...{ diskFreeBytes: 2 ** 35, formats: ['onnx'], runtime: 'onnxruntime-node 1' },
}
const regions = 4
const answerMsMax = 500
const pauseMsMin = 500 // as the node's own connection has it
const pauseMsMax = 30_000

interface Frame {
  readonly size: number
  readonly assignments: readonly Assignment[]
}

/** The last assign frame, parsed: all nodes get the same one. */
let parsed: { readonly text: string; readonly frame: Frame } | null = null

export class ScriptedNode {
  readonly id: string
  readonly labels: Readonly<Record<string, string>>
  readonly key: KeyObject = newPrivateKey()
  readonly #options: FleetOptions
  /** Deployment → its newest report; `#obey` writes. */
  readonly #reports = new Map<string, object>()
  #socket: WebSocket | null = null
  #beat: NodeJS.Timeout | null = null
  #sequence = 0
  #checkpointSize = 0
  #failures = 0
  #askedPauseMs: number | null = null
  #isStopped = false
  isWelcome = false

  constructor(index: number, options: FleetOptions) {
    this.id = `n${index}`
    this.labels = { region: `r${index % regions}` }
    this.#options = options
  }

  get did(): string {
    return didKeyOf(this.key)
  }

  connect(): void {
    this.#isStopped = false
    const url = `${this.#options.url().replace('http', 'ws')}/api/v1/connect`
    const socket = new WebSocket(url, { perMessageDeflate: false })
    this.#socket = socket
    socket.on('message', (data) => this.#receive(socket, String(data)))
    socket.on('error', () => {}) // its close follows
    socket.on('pong', () => this.#options.onAck?.(this))
    socket.on('close', () => this.#down())
  }

  stop(): void {
    this.#isStopped = true
    this.#socket?.terminate()
    if (this.#beat !== null) clearInterval(this.#beat)
  }

  #down(): void {
    this.isWelcome = false
    if (this.#beat !== null) clearInterval(this.#beat)
    if (this.#isStopped) return
    this.#failures += 1
    const backOffMs = Math.min(pauseMsMax, pauseMsMin * 2 ** Math.min(10, this.#failures - 1))
    const pauseMs = this.#askedPauseMs ?? backOffMs * (0.5 + Math.random() / 2)
    this.#askedPauseMs = null
    setTimeout(() => {
      if (!this.#isStopped) this.connect()
    }, pauseMs)
  }

  #receive(socket: WebSocket, text: string): void {
    if (text.startsWith('{"type":"assign"')) return this.#obey(socket, frameOf(text))
    const message = JSON.parse(text)
    switch (message.type) {
      case 'challenge':
        return this.#hello(socket, message.nonce)
      case 'welcome':
        return this.#welcomed(socket, message.heartbeatMs)
      case 'report-full':
        return this.#report(socket, [...this.#reports.values()], true)
      case 'retry':
        this.#askedPauseMs = message.afterMs
    }
  }

  #hello(socket: WebSocket, challenge: string): void {
    const nonce = 'n'.repeat(32)
    const signature = signText(this.key, signingPrefix.hello, `${challenge}\n${nonce}`)
    const head = { type: 'hello', protocol: 1, node: this.id, nonce, signature }
    socket.send(JSON.stringify({ ...head, checkpointSize: this.#checkpointSize }))
  }

  #welcomed(socket: WebSocket, heartbeatMs: number): void {
    this.#failures = 0
    this.#sequence = 0
    this.isWelcome = true
    const load = { inflight: 0, cpu: 0.1, memoryUsedBytes: 1e9 }
    const beat = () => {
      const sequence = this.#sequence++
      socket.send(JSON.stringify({ type: 'heartbeat', sequence, load, telemetry: [] }))
    }
    const everyMs = this.#options.heartbeatMs ?? heartbeatMs
    setTimeout(() => {
      if (this.#socket !== socket || !this.isWelcome) return
      this.#beat = setInterval(beat, everyMs)
    }, Math.random() * everyMs)
    this.#options.onWelcome?.(this)
  }

  #obey(socket: WebSocket, { size, assignments }: Frame): void {
    this.#checkpointSize = size
    const told = assignments.map((assignment) => {
      const release = releaseFor(this, assignment)
      const state =
        release === null
          ? { phase: 'idle', serving: null }
          : {
              ...{ phase: 'committed', release: release.digest, serving: release.digest },
              variant: 'fp32',
            }
      const { deployment, project, generation, revision } = assignment
      const name = `${project}/${deployment}`
      this.#reports.set(name, { deployment, project, generation, revision, state })
      return name
    })
    this.#options.onAssign?.(this, assignments)
    // Machines differ; and here they share a core, which first has to hear what arrives.
    setTimeout(
      () => this.#answer(socket, told),
      Math.random() * (this.#options.answerMsMax ?? answerMsMax),
    )
  }

  /** Says how things stand now: what was asked meanwhile may have been answered sooner. */
  #answer(socket: WebSocket, told: readonly string[]): void {
    if (socket.readyState !== WebSocket.OPEN) return
    const reports = told.flatMap((name) => this.#reports.get(name) ?? [])
    this.#report(socket, reports, false)
    if (this.#options.onAck !== undefined) socket.ping()
  }

  #report(socket: WebSocket, reports: readonly object[], full: boolean): void {
    const { region } = this.labels
    const head = { type: 'status', sequence: this.#sequence++, full, reports }
    const own = full ? { facts: { ...facts, endpoint: `http://${region}.${this.id}:80` } } : {}
    socket.send(JSON.stringify({ ...head, ...own, checkpointSize: this.#checkpointSize }))
  }
}

/** Makes nodes known to a control plane, by tokens, a few at a time. */
export async function joinFleet(
  nodes: readonly ScriptedNode[],
  call: (path: string, body: object) => Promise<unknown>,
): Promise<void> {
  let next = 0
  const lane = async () => {
    for (;;) {
      const node = nodes[next++]
      if (node === undefined) return
      const { token } = (await call('/tokens', {})) as { token: string }
      const signature = signText(node.key, signingPrefix.hello, token)
      const { id, labels, did } = node
      await call('/join', { token, name: id, publicKey: did, signature, labels })
    }
  }
  await Promise.all(Array.from({ length: 16 }, lane))
}

function frameOf(text: string): Frame {
  if (parsed?.text === text) return parsed.frame
  const message = JSON.parse(text)
  const frame = {
    size: Number(String(message.checkpoint).split('\n')[1]),
    assignments: message.assignments.map((one: { payload: string }) => JSON.parse(one.payload)),
  }
  parsed = { text, frame }
  return frame
}
