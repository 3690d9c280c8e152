// Body keeper
//
// Keeps what was asked and answered where a Route says so, beside the way of requests: takes out what looks like
// personal data or a secret on a thread of its own, and tells the control plane, which keeps it for as long as the
// Route says.
//
// Invariants:
//   Y1. Nothing leaves this process that was not looked through; what cannot be is not kept.
//   Y2. Bounded: while the control plane is away at most `waitingBytesMax` wait, and what comes then is counted and
//       left out. No request waits for any of it.
//   Y3. A gateway that stops waits at most `lastMsMax` for all of it.
//   Y4. What has waited, behind a long answer say, is kept as its Route has it by then: where it keeps none, not at all.

import { randomUUID } from 'node:crypto'
import { type GuardPlan, type GuardSide, type GuardSpec, guardSpec } from '@tutti/core/governance'
import {
  type BodyRule,
  type KeptBody,
  type KeptRequest,
  keptRequestsMax,
  serverOfRoute,
} from '@tutti/core/routing'
import { messageOf } from '../failure.ts'
import { Scanner } from '../governance/index.ts'
import type { Directory, RouteEntry } from '../routing/index.ts'
import { formatFamily } from '../telemetry/index.ts'
import { SideThread } from '../thread/index.ts'
import type { ChatAsked } from './chat-body.ts'
import { type Kept, KeptCall } from './kept-call.ts'
import { KeptToolCall } from './kept-tool-call.ts'
import type { RequestRecord } from './request-log.ts'
import { routeOfServer } from './tool-route.ts'

export interface BodyKeeperPorts {
  /** Tells the control plane: false where it will not have them. Throws where it is away. */
  readonly send: (requests: readonly KeptRequest[], signal: AbortSignal) => Promise<boolean>
  readonly directory: () => Pick<Directory, 'route' | 'toolServers'> | null
  readonly nowMs: () => number
  readonly chance: () => number
  readonly log: (event: string, fields: Readonly<Record<string, unknown>>) => void
}

/** A call that is over. */
interface Waiting {
  readonly call: Kept
  readonly record: RequestRecord
  readonly bytes: number
}

interface Keeping {
  readonly call: Kept
  readonly route: RouteEntry
  readonly rule: BodyRule
}

/** What is taken out of what a Route keeps. */
interface Redacting {
  readonly guard: GuardSpec
  readonly plan: GuardPlan
}

const waitingBytesMax = 32 * 2 ** 20 // of each process
const reportCharsMax = 2 ** 20 // and one request more: below what the control plane takes
const scannedCharsMax = 2 ** 20 // of one body: some tens of milliseconds of the thread
const gatherMs = 200
const pauseMs = 2_000 // of a control plane that is away
const lastMsMax = 1_500 // as long as the accounts take that are closed meanwhile
const nothingTaken: ReadonlyMap<string, string> = new Map()

export class BodyKeeper {
  readonly #ports: BodyKeeperPorts
  /** Of its own: no guard waits behind it. */
  readonly #scanner = new Scanner(new SideThread(), 0)
  readonly #redacting = new WeakMap<RouteEntry, Redacting>()
  /** Written by `keep` and `#nextReport`. */
  readonly #waiting: Waiting[] = []
  /** Of what waits and of what is being told; written by `keep` and `#tell`. */
  #bytes = 0
  #kept = 0
  #leftOut = 0
  #running: Promise<void> | null = null
  #isStopping = false
  readonly #ending = new AbortController()
  #hurry: () => void = () => {}

  constructor(ports: BodyKeeperPorts) {
    this.#ports = ports
  }

  /** Null for a call of which nothing is kept. */
  begin(route: RouteEntry, chat: ChatAsked | null): KeptCall | null {
    const { bodies } = route
    if (bodies === undefined || chat === null) return null
    return this.#ports.chance() < bodies.share ? new KeptCall(route, chat) : null
  }

  /** The same of a call of a tool. */
  beginTool(route: RouteEntry): KeptToolCall | null {
    const { bodies } = route
    if (bodies === undefined) return null
    return this.#ports.chance() < bodies.share ? new KeptToolCall(route) : null
  }

  keep(call: Kept, record: RequestRecord): void {
    const { bytes, route } = call
    if (route.bodies === undefined || this.#isStopping) return
    if (this.#bytes + bytes > waitingBytesMax) {
      this.#leftOut += 1 // Y2
      return
    }
    this.#bytes += bytes
    this.#waiting.push({ call, record, bytes })
    this.#running ??= this.#run().finally(() => {
      this.#running = null
    })
  }

  /** For Prometheus; nothing where no route keeps bodies. */
  format(): string {
    if (this.#kept + this.#leftOut === 0) return ''
    const kept = formatFamily('bodies_kept_total', [['', this.#kept]])
    return kept + formatFamily('bodies_left_out_total', [['', this.#leftOut]])
  }

  /** Tells what is left, once. Y3. */
  async stop(): Promise<void> {
    this.#isStopping = true
    this.#hurry()
    const timer = setTimeout(() => this.#ending.abort(), lastMsMax)
    await this.#running
    clearTimeout(timer)
    await this.#scanner.stop()
  }

  async #run(): Promise<void> {
    while (this.#waiting.length > 0) {
      await this.#pause(gatherMs) // others come with it
      const report: KeptRequest[] = []
      const bytes = await this.#fill(report)
      if (report.length > 0) await this.#tell(report)
      this.#bytes -= bytes
    }
  }

  /** Takes from what waits as much as one report holds; how many bytes that were. */
  async #fill(report: KeptRequest[]): Promise<number> {
    let bytes = 0
    let characters = 0
    while (characters < reportCharsMax && report.length < keptRequestsMax) {
      const next = this.#waiting.shift()
      if (next === undefined) break
      bytes += next.bytes
      const kept = await this.#lookThrough(next)
      if (kept === null) continue // Y4
      characters += (kept.input?.text.length ?? 0) + (kept.output?.text.length ?? 0)
      report.push(kept)
    }
    return bytes
  }

  async #tell(report: readonly KeptRequest[]): Promise<void> {
    for (let tries = 1; ; tries++) {
      try {
        const isTaken = await this.#ports.send(report, this.#ending.signal)
        if (isTaken) this.#kept += report.length
        else this.#leftOut += report.length
        return
      } catch (error) {
        if (tries === 1) this.#ports.log('bodies wait', { reason: messageOf(error) })
        if (this.#isStopping) {
          this.#leftOut += report.length
          return
        }
        await this.#pause(pauseMs)
      }
    }
  }

  async #lookThrough({ call, record }: Waiting): Promise<KeptRequest | null> {
    const now = this.#routeNow(call.route)
    const rule = now?.bodies
    if (now === undefined || rule === undefined) return null
    const { id, project, route, key, atMs } = record
    const of = { call, route: now, rule }
    const saidIn = () => ({ json: call.input, isCut: false })
    const saidOut = () => call.output(Math.floor(atMs / 1_000))
    return {
      ...{ entry: randomUUID(), id, project, route, key, atMs },
      expiresAtMs: atMs + rule.days * 86_400_000,
      record: { ...record },
      input: rule.keep.includes('input') ? await this.#redacted(of, 'input', saidIn) : null,
      output: rule.keep.includes('output') ? await this.#redacted(of, 'output', saidOut) : null,
    }
  }

  /** Y4. Of a server of tools what stands for its Route. */
  #routeNow(before: RouteEntry): RouteEntry | undefined {
    const directory = this.#ports.directory()
    const server = serverOfRoute(before.name)
    if (directory === null) return before
    if (server === null) return directory.route(before.project, before.name)
    const entry = directory.toolServers(before.project).find(({ name }) => name === server)
    return entry === undefined ? undefined : routeOfServer(entry)
  }

  /** Y1: nothing of what a model nests deeper than calls of ours go. */
  async #redacted(
    { call, route, rule }: Keeping,
    side: GuardSide,
    saying: () => ReturnType<Kept['output']>,
  ): Promise<KeptBody | null> {
    try {
      const said = saying()
      if (said === null || said.json.length > scannedCharsMax) return null
      const { guard, plan } = this.#of(route, rule)
      const { json, isCut } = said
      const bytes = Buffer.from(json)
      const job = { guard, plan, side, originals: nothingTaken, bytes }
      const scanned = await this.#scanner.scan({ kind: 'scan', ...job })
      const text = scanned.bytes === null ? json : Buffer.from(scanned.bytes).toString('utf8')
      const body = cut(call.shown(side, text), rule.bytesMax)
      return { ...body, isCut: body.isCut || isCut }
    } catch {
      return null
    }
  }

  #of(route: RouteEntry, { redact }: BodyRule): Redacting {
    const known = this.#redacting.get(route)
    if (known !== undefined) return known
    const blocklist = route.guard?.blocklist ?? []
    const guard = guardSpec.parse({ detect: redact, blocklist })
    const kinds = [...redact, 'blocked']
    const plan: GuardPlan = Object.fromEntries(kinds.map((kind) => [kind, 'redact']))
    const made = { guard, plan }
    this.#redacting.set(route, made)
    return made
  }

  /** Nobody waits in a gateway that stops. */
  async #pause(ms: number): Promise<void> {
    if (this.#isStopping) return
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, ms)
      this.#hurry = () => {
        clearTimeout(timer)
        resolve()
      }
    })
  }
}

/** The beginning in whole characters. */
function cut(text: string, bytesMax: number): KeptBody {
  const bytes = Buffer.from(text)
  if (bytes.length <= bytesMax) return { text, isCut: false }
  // A character that is cut in two is held back.
  const beginning = new TextDecoder().decode(bytes.subarray(0, bytesMax), { stream: true })
  return { text: beginning, isCut: true }
}
