// Swarms
//
// What the nodes of a site have of the files they are fetching, and who was ordered to whom. It lives in
// memory: after a restart nodes ask again and say what they have. An ask that must wait is held until
// something changes, so that nobody polls. `pickSource` decides; this file remembers and answers.
//
// Invariants (with those of `pickSource`):
//   S5. Every order ends: by its node's next ask, by its disconnect, or by its time.
//   S6. Nobody is ordered anywhere, and nobody is given a grant, for a file that is not assigned to it: who
//       calls `ask` has checked that.

import {
  pickSource,
  pieceBytesOf,
  type SourceAsk,
  type SourceChoice,
  type SwarmMember,
  type SwarmView,
} from '@tutti/core/fleet'
import type { Clock } from '@tutti/machine'
import type { NodeEntry, Registry } from './registry.ts'

export interface SwarmFile {
  readonly digest: string
  readonly sizeBytes: number
}

export interface SwarmsPorts {
  readonly clock: Clock
  readonly registry: Pick<Registry, 'get' | 'all'>
  /** Does this node say that it has a release with this file? */
  readonly holds: (node: NodeEntry, digest: string) => boolean
}

export interface Swarms {
  /** The next order, once there is one; `wait` where there was none for a while. */
  readonly ask: (of: {
    readonly node: string
    readonly file: SwarmFile
    readonly ask: SourceAsk
    readonly signal: AbortSignal
  }) => Promise<SourceChoice>
  readonly stop: () => void
}

interface Fetching {
  readonly haveBytes: number
  readonly offerBytes: number
  readonly heardMs: number
  /** Nodes that failed it lately, and until when it is not sent to them again. */
  readonly refused: Map<string, number>
}

interface Order {
  readonly to: string
  readonly from: string | null
  readonly beganMs: number
  readonly untilMs: number
}

interface Waiting {
  readonly untilMs: number
  readonly resolve: (choice: SourceChoice) => void
}

interface Swarm {
  readonly site: string | null
  readonly file: SwarmFile
  readonly pieceBytes: number
  /** By node; `hear` writes. */
  readonly fetching: Map<string, Fetching>
  /** By the node that carries it out. */
  readonly orders: Map<string, Order>
  readonly accusers: Map<string, Set<string>>
  readonly waiting: Map<string, Waiting>
  /** Nodes that had the file when last looked; `look` writes. */
  holders: readonly string[]
  lookedMs: number
}

// 64 pieces in flight keep the fastest disk and network card busy; 2 for a site, so that one site's slow line
// does not keep another's files from moving.
const originOrdersMax = 64
const originOrdersPerSite = 2
const orderMs = 20_000 // four signs of life that a receiver owes while it downloads
const orderMsMax = 900_000 // a piece that takes longer is fetched by somebody else meanwhile
const waitMs = 10_000 // below every proxy's idle limit
const memberMs = 90_000 // one that has said nothing for so long is not fetching any more
const tickMs = 500 // for what nobody tells: orders that lapse, nodes that leave
const refusedMs = 10_000 // one that is gone has been noticed by then; one that was busy is free
// Orders for a site of a thousand cost milliseconds: they take a fifth of a core at most, together.
const passMsMin = 2
const shareMax = 4
const holdersMs = 2_000
const swarmsMax = 4_096

export function openSwarms(ports: SwarmsPorts): Swarms {
  const swarms = new Map<string, Swarm>() // by site and digest; `swarmOf` and `tick` write
  const { clock } = ports
  let forgetTick: (() => void) | null = null // the next one of each; they write themselves
  let forgetPass: (() => void) | null = null
  let restMs = 0 // `pass` writes

  const tick = () => {
    forgetTick = null
    for (const [key, swarm] of swarms) {
      settle(ports, swarm)
      if (swarm.fetching.size === 0 && swarm.waiting.size === 0) swarms.delete(key)
    }
    passSoon()
    if (swarms.size > 0) tickSoon()
  }
  const tickSoon = () => {
    forgetTick ??= clock.schedule(tickMs, tick)
  }
  const pass = () => {
    forgetPass = null
    const beganMs = clock.steadyMs()
    for (const swarm of swarms.values()) answerWaiting(ports, swarms, swarm)
    restMs = shareMax * (clock.steadyMs() - beganMs)
  }
  const passSoon = () => {
    forgetPass ??= clock.schedule(passMsMin + restMs, pass)
  }

  return {
    ask: async ({ node, file, ask, signal }) => {
      const swarm = swarmOf(swarms, siteOf(ports, node), { node, file })
      tickSoon()
      passSoon() // its earlier order is over, and what it offers now may be what others wait for
      hear(swarm, { node, ask, nowMs: clock.steadyMs() })
      if (ask.keep || ask.haveBytes >= file.sizeBytes) return { kind: 'wait' }
      settle(ports, swarm)
      const choice = decide(viewOf(ports, swarms, swarm), swarm, node)
      if (choice.kind !== 'wait') return order(swarm, node, { choice, nowMs: clock.steadyMs() })
      return await waitIn(swarm, { node, signal, untilMs: clock.steadyMs() + waitMs })
    },
    stop: () => {
      forgetTick?.()
      forgetPass?.()
      for (const { waiting } of swarms.values()) {
        for (const { resolve } of waiting.values()) resolve({ kind: 'wait' })
        waiting.clear()
      }
      swarms.clear()
    },
  }
}

/** Gives orders to those who wait and can have one now, the longest waiting first. */
function answerWaiting(ports: SwarmsPorts, swarms: ReadonlyMap<string, Swarm>, swarm: Swarm): void {
  if (swarm.waiting.size === 0) return
  const nowMs = ports.clock.steadyMs()
  let view = viewOf(ports, swarms, swarm)
  for (const [node, { resolve, untilMs }] of swarm.waiting) {
    const choice = decide(view, swarm, node)
    if (choice.kind === 'wait' && nowMs < untilMs) continue
    swarm.waiting.delete(node)
    resolve(choice.kind === 'wait' ? choice : order(swarm, node, { choice, nowMs }))
    const orders = [...swarm.orders.values()]
    const isOriginFree = view.isOriginFree && choice.kind !== 'origin'
    view = { ...view, orders, isOriginFree }
  }
}

interface SwarmNow extends SwarmView {
  readonly nowMs: number
}

function viewOf(ports: SwarmsPorts, swarms: ReadonlyMap<string, Swarm>, swarm: Swarm): SwarmNow {
  return {
    ...{ sizeBytes: swarm.file.sizeBytes, pieceBytes: swarm.pieceBytes },
    ...{ members: membersOf(ports, swarm), accusers: swarm.accusers },
    orders: [...swarm.orders.values()],
    isOriginFree: isOriginFree(swarms.values(), swarm.site),
    nowMs: ports.clock.steadyMs(),
  }
}

function decide(view: SwarmNow, { fetching }: Swarm, node: string): SourceChoice {
  const own = fetching.get(node)
  if (own === undefined) return { kind: 'wait' } // it has left meanwhile
  const refused = lately(own.refused, view.nowMs)
  return pickSource(view, { node, haveBytes: own.haveBytes, refused })
}

/** Notes an order that is given now. */
function order(
  { orders }: Swarm,
  node: string,
  { choice, nowMs }: { readonly choice: SourceChoice; readonly nowMs: number },
): SourceChoice {
  const from = choice.kind === 'peer' ? choice.node : null
  orders.set(node, { to: node, from, beganMs: nowMs, untilMs: nowMs + orderMs })
  return choice
}

function swarmOf(
  swarms: Map<string, Swarm>,
  site: string | null,
  { node, file }: { readonly node: string; readonly file: SwarmFile },
): Swarm {
  const key = `${site ?? `alone/${node}`} ${file.digest}`
  const held = swarms.get(key)
  if (held !== undefined) return held
  const swarm = newSwarm(site, file)
  if (swarms.size < swarmsMax) swarms.set(key, swarm) // beyond, the origin gives to all
  return swarm
}

/** Resolves when somebody finds an order for the node, or it asks no more. */
function waitIn(
  { waiting }: Swarm,
  of: { readonly node: string; readonly signal: AbortSignal; readonly untilMs: number },
): Promise<SourceChoice> {
  const { node, signal, untilMs } = of
  return new Promise((resolve) => {
    waiting.get(node)?.resolve({ kind: 'wait' }) // its own, from a connection before
    waiting.set(node, { resolve, untilMs })
    const leave = () => {
      if (waiting.get(node)?.resolve === resolve) waiting.delete(node)
      resolve({ kind: 'wait' })
    }
    if (signal.aborted) leave()
    else signal.addEventListener('abort', leave, { once: true })
  })
}

function newSwarm(site: string | null, file: SwarmFile): Swarm {
  return {
    ...{ site, file, pieceBytes: pieceBytesOf(file.sizeBytes) },
    ...{ fetching: new Map(), orders: new Map(), accusers: new Map(), waiting: new Map() },
    ...{ holders: [], lookedMs: Number.NEGATIVE_INFINITY },
  }
}

/** Takes in what a node says of itself and of those who failed it. */
function hear(
  swarm: Swarm,
  of: { readonly node: string; readonly ask: SourceAsk; readonly nowMs: number },
): void {
  const { node, ask, nowMs } = of
  const before = swarm.fetching.get(node)
  const refused = before?.refused ?? new Map<string, number>()
  const hasMore = ask.haveBytes > (before?.haveBytes ?? -1)
  const offerBytes = Math.min(ask.offerBytes, ask.haveBytes, swarm.file.sizeBytes)
  swarm.fetching.set(node, { haveBytes: ask.haveBytes, offerBytes, heardMs: nowMs, refused })
  if (ask.keep) {
    const order = swarm.orders.get(node)
    if (order === undefined || !hasMore) return
    const untilMs = Math.min(nowMs + orderMs, order.beganMs + orderMsMax)
    swarm.orders.set(node, { ...order, untilMs })
    return
  }
  swarm.orders.delete(node) // S5
  for (const { node: other, reason } of ask.failed) {
    refused.set(other, nowMs + refusedMs)
    if (reason !== 'wrong-bytes') continue
    const accusers = swarm.accusers.get(other) ?? new Set<string>()
    swarm.accusers.set(other, accusers.add(node))
  }
}

function lately(refused: ReadonlyMap<string, number>, nowMs: number): ReadonlySet<string> {
  return new Set([...refused].filter(([, untilMs]) => untilMs > nowMs).map(([node]) => node))
}

/** Ends what is over: orders by their time, and all of nodes that have left. */
function settle({ clock, registry }: SwarmsPorts, swarm: Swarm): void {
  const nowMs = clock.steadyMs()
  for (const [node, { heardMs }] of swarm.fetching) {
    const isHere = registry.get(node)?.connected === true
    const isSilent = heardMs < nowMs - memberMs && !swarm.waiting.has(node)
    if (isHere && !isSilent) continue
    swarm.fetching.delete(node)
    swarm.orders.delete(node) // S5
  }
  for (const [node, { untilMs }] of swarm.orders) if (untilMs < nowMs) swarm.orders.delete(node)
}

/** Those who have some of the file and can be dialled; holders are looked up now and then. */
function membersOf(ports: SwarmsPorts, swarm: Swarm): SwarmMember[] {
  const { registry, clock } = ports
  if (swarm.site === null) return []
  if (clock.steadyMs() - swarm.lookedMs > holdersMs) {
    const { digest } = swarm.file
    const own = [...registry.all()].filter(({ labels }) => labels['site'] === swarm.site)
    swarm.holders = own.filter((node) => ports.holds(node, digest)).map(({ id }) => id)
    swarm.lookedMs = clock.steadyMs()
  }
  const offers = new Map(swarm.holders.map((node) => [node, swarm.file.sizeBytes]))
  for (const [node, { offerBytes }] of swarm.fetching) offers.set(node, offerBytes)
  return [...offers].flatMap(([node, offerBytes]) => {
    const entry = registry.get(node)
    const isThere = entry?.connected === true && entry.facts?.endpoint !== undefined
    return isThere && offerBytes > 0 ? [{ node, offerBytes }] : []
  })
}

function isOriginFree(swarms: Iterable<Swarm>, site: string | null): boolean {
  let all = 0
  let ofSite = 0
  for (const swarm of swarms) {
    for (const { from } of swarm.orders.values()) {
      if (from !== null) continue
      all += 1
      if (site !== null && swarm.site === site) ofSite += 1
    }
  }
  return all < originOrdersMax && ofSite < originOrdersPerSite
}

/** The site that somebody declared for the node; null: it has no neighbours. */
function siteOf({ registry }: SwarmsPorts, node: string): string | null {
  const site = registry.get(node)?.labels['site']
  return site === undefined || site === '' ? null : site
}
