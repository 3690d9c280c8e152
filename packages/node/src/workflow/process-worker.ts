// Process worker
//
// Asks the control plane for scripts, commands and containers of workflows, where whoever started this node allows it, and runs what is asked in
// earnest: signed by the control plane that the node has joined, for this node, just now, and once.
//
//   W1. Nothing is run that is not signed for this node, not of a kind that is allowed here, too late, or was run before.
//   W2. What is not wanted any more is ended; so is everything when the node stops.

import { signingPrefix } from '@tutti/core/resource'
import {
  type ProcessKind,
  type ProcessOrder,
  type ProcessOutcome,
  processOrder,
  type SignedOrder,
  signedOrder,
} from '@tutti/core/workflow'
import { verifyText } from '@tutti/ledger'
import { pause } from '@tutti/machine'
import { request } from '@tutti/machine/http-client'
import { containerRuntimeHere } from './container-runtime.ts'
import { interpretersHere } from './interpreters.ts'
import type { ProcessPorts } from './process-ports.ts'
import { removeLeft } from './run-container.ts'
import { runProcess } from './run-process.ts'
import type { ProcessLimits } from './watch-process.ts'

export interface WorkerPorts {
  readonly node: string
  /** did:key of the control plane that this node has joined. */
  readonly controlPlane: string
  readonly kinds: readonly ProcessKind[]
  readonly limits: ProcessLimits
  readonly nowMs: () => number
  readonly log: (event: string, fields: Readonly<Record<string, unknown>>) => void
}

/** Where and as whom the control plane is asked, while the node is connected. */
export interface WorkerSession {
  readonly url: string
  readonly bearer: string
}

type Programs = Pick<ProcessPorts, 'interpreters' | 'containers'>

const noRuntime = 'neither podman, nerdctl nor docker answers'
const atOnce = 2 // beside what the node serves
const againMs = 2_000
const keepEveryMs = 5_000 // a third of the lease
const askMs = 60_000 // the control plane answers within twenty seconds
const knownMax = 10_000 // orders run lately: far more than come before they expire

export class ProcessWorker {
  readonly #ports: WorkerPorts
  /** Written by `use`. */
  #session: WorkerSession | null = null
  readonly #stopped = new AbortController()
  /** Wakes those who wait for a session; written by `#connected`. */
  #wake: (() => void)[] = []
  readonly #known = new Set<string>()
  #loops: readonly Promise<void>[] = []

  constructor(ports: WorkerPorts) {
    this.#ports = ports
  }

  async start(): Promise<void> {
    const { kinds, node, log } = this.#ports
    const interpreters = await interpretersHere()
    const containers = kinds.includes('container') ? await containerRuntimeHere() : null
    if (containers !== null) await removeLeft(containers, node)
    else if (kinds.includes('container')) log('no containers run here', { reason: noRuntime })
    const programs = { interpreters, containers }
    this.#loops = Array.from({ length: atOnce }, () => this.#work(programs))
  }

  /** Connected, or (null) not any more. */
  use(session: WorkerSession | null): void {
    this.#session = session
    if (session === null) return
    for (const wake of this.#wake.splice(0)) wake()
  }

  /** W2 */
  async stop(): Promise<void> {
    this.#stopped.abort()
    for (const wake of this.#wake.splice(0)) wake()
    await Promise.all(this.#loops)
  }

  async #work(programs: Programs): Promise<void> {
    const { signal } = this.#stopped
    const { log } = this.#ports
    const { interpreters, containers } = programs
    const kinds = this.#ports.kinds.filter((kind) => kind !== 'container' || containers !== null)
    const offer = { kinds, languages: kinds.includes('script') ? Object.keys(interpreters) : [] }
    while (!signal.aborted && kinds.length > 0) {
      try {
        const session = await this.#connected()
        const answer = signal.aborted ? null : await this.#ask(session, '/processes/next', offer)
        const signed = answer === null ? null : signedOrder.parse(answer)
        const order = signed === null ? null : this.#accept(signed)
        if (order !== null) await this.#run(order, programs)
      } catch (error) {
        if (signal.aborted) return
        log('no process could be asked for', { error: String(error) })
        await pause(againMs, this.#stopped.signal)
      }
    }
  }

  async #connected(): Promise<WorkerSession | null> {
    if (this.#session === null && !this.#stopped.signal.aborted) {
      await new Promise<void>((resolve) => this.#wake.push(resolve))
    }
    return this.#session
  }

  /** W1 */
  #accept({ payload, signature }: SignedOrder): ProcessOrder | null {
    const { controlPlane, node, kinds, nowMs, log } = this.#ports
    const isSigned = verifyText(controlPlane, signingPrefix.process, { text: payload, signature })
    const parsed = processOrder.safeParse(isSigned ? JSON.parse(payload) : null)
    const order = parsed.data
    const mark = `${order?.id} ${order?.expiresAtMs}`
    const isOurs = order?.node === node && kinds.includes(order.kind) && !this.#known.has(mark)
    if (order === undefined || !isOurs || order.expiresAtMs < nowMs()) {
      log('a process was not run: its order is not for here and now', { id: order?.id })
      return null
    }
    const [oldest] = this.#known
    if (this.#known.size >= knownMax && oldest !== undefined) this.#known.delete(oldest)
    this.#known.add(mark)
    return order
  }

  async #run(order: ProcessOrder, programs: Programs): Promise<void> {
    const { limits, log } = this.#ports
    const path = `/processes/${encodeURIComponent(order.id)}`
    const ended = new AbortController()
    const signal = AbortSignal.any([this.#stopped.signal, ended.signal])
    const keep = setInterval(() => {
      this.#ask(this.#session, `${path}/keep`, {}).then((answer) => {
        if (answer !== null && Object(answer).isWanted === false) ended.abort() // W2
      }, ignore) // cut off: its lease ends, and another node has it
    }, keepEveryMs)
    log('a process of a workflow runs', { id: order.id, kind: order.kind })
    const outcome = await runProcess(order, { ...programs, limits, signal }).finally(() =>
      clearInterval(keep),
    )
    if (signal.aborted) return
    await this.#tell(`${path}/outcome`, outcome)
  }

  /** Tries for as long as the control plane may still take it for its own. */
  async #tell(path: string, outcome: ProcessOutcome): Promise<void> {
    for (let attempt = 0; attempt < tellMax && !this.#stopped.signal.aborted; attempt++) {
      try {
        await this.#ask(await this.#connected(), path, outcome)
        return
      } catch (error) {
        this.#ports.log('the outcome of a process was not taken', { path, error: String(error) })
        await pause(againMs, this.#stopped.signal)
      }
    }
  }

  /** Null where there is nothing to say. */
  async #ask(session: WorkerSession | null, path: string, body: object): Promise<unknown> {
    if (session === null) return null
    const { signal } = this.#stopped
    const answer = await request(`${session.url}/api/v1${path}`, {
      method: 'POST',
      headers: { authorization: `Bearer ${session.bearer}`, 'content-type': 'application/json' },
      body: JSON.stringify(body),
      signal: AbortSignal.any([signal, AbortSignal.timeout(askMs)]),
    })
    if (answer.statusCode === 204) return null
    const text = await answer.body.text()
    if (answer.statusCode === 409) return null // another node has it by now
    if (answer.statusCode !== 200) throw new Error(`${path} answered ${answer.statusCode}: ${text}`)
    return JSON.parse(text)
  }
}

const tellMax = 5 // in ten seconds: within the lease

function ignore(): void {}
