// Shadows
//
// Asks a route's shadow what somebody else has answered already, and notes how the two compare. It begins when the
// caller has the whole answer, so that nobody waits for it; its answers reach nobody.
//
// Invariants:
//   H1. A shadow delays and fails no request: it begins after the answer, and its failures are only noted.
//   H2. It is paid by the Budget that it names and by no other; what it used counts under `shadow/` and its route.
//       However its answer ends, what it took is settled.
//   H3. At most `concurrentMax` of a route are on their way at a time; more are counted as left out.
//   H4. What a target may not be asked, by policy or the route's regions and price cap, it is not asked as a shadow.
//   H5. Its Route is looked at anew: an answer may take minutes, and the shadow be another by then, or none.
//   H6. It goes under an id of its own: what callers say of the request is said of the answer that they have, also
//       where one node gave both.

import {
  type Answer,
  type Asker,
  type BudgetEntry,
  type Call,
  type Candidate,
  type Directory,
  type FailedAttempt,
  Presence,
  type RouteEntry,
  type Router,
  rulesOf,
  type StreamAttempt,
  type UsageCounts,
  type WholeAttempt,
} from '../routing/index.ts'
import { formatFamily, type Series } from '../telemetry/index.ts'
import type { Compared, Comparison } from './comparison.ts'
import { likenessOf, notCompared } from './likeness.ts'
import type { RequestLog } from './request-log.ts'
import { Tally } from './tally.ts'

/** A request that was answered well, and by whom. */
export interface Live {
  readonly call: Call
  readonly asker: () => Asker
  readonly directory: Directory
  readonly outcome: WholeAttempt | StreamAttempt
  readonly candidate: Candidate
  readonly tally: Tally
  readonly ms: number
}

export interface ShadowPorts {
  readonly directory: () => Directory | null
  readonly router: Router
  readonly comparisons: RequestLog<Comparison>
  readonly usage: UsageCounts
  readonly chance: () => number
  readonly nowMs: () => number
}

interface Mirror {
  readonly live: Live
  readonly shadow: RouteEntry
  readonly budgets: readonly BudgetEntry[]
  readonly presence: Presence
}

// What waits to be mirrored is held in memory, as often as shadows may be on their way.
const bodyBytesMax = 2 ** 20

export class Shadows {
  readonly #ports: ShadowPorts
  /** On their way, by project/route; written by `mirror` and `#run`. */
  readonly #running = new Map<string, Set<Presence>>()
  readonly #ends = new Set<Promise<void>>()
  /** Left out, by project/route; written by `mirror`. */
  readonly #leftOut = new Map<string, number>()

  constructor(ports: ShadowPorts) {
    this.#ports = ports
  }

  /** Does nothing for a route without a shadow. */
  mirror(given: Live): void {
    if (given.call.route.shadow === undefined) return
    const directory = this.#ports.directory() ?? given.directory
    const live = { ...given, directory }
    const { project, name: called } = given.call.route
    const route = directory.route(project, called) // H5
    const spec = route?.shadow
    if (route === undefined || spec === undefined) return
    const shadow = rulesOf(route)?.shadow ?? null
    if (shadow === null || this.#ports.chance() >= spec.share) return
    const name = `${route.project}/${route.name}`
    const running = this.#running.get(name) ?? new Set()
    this.#running.set(name, running)
    const budget =
      spec.budget === undefined ? [] : [live.directory.budget(route.project, spec.budget)]
    const budgets = budget.filter((one) => one !== undefined)
    const isPayable = budgets.length === budget.length // H2
    const isTooLong = (live.call.promptBytes?.length ?? 0) > bodyBytesMax
    if (running.size >= spec.concurrentMax || isTooLong || !isPayable) {
      this.#leftOut.set(name, (this.#leftOut.get(name) ?? 0) + 1) // H3
      return
    }
    const presence = new Presence()
    running.add(presence)
    const leftOut = () => {
      this.#leftOut.set(name, (this.#leftOut.get(name) ?? 0) + 1)
    }
    // A bug of ours ends one shadow and not the process.
    const end = this.#run({ live, shadow, budgets, presence })
      .catch(leftOut)
      .finally(() => {
        running.delete(presence)
        this.#ends.delete(end)
      })
    this.#ends.add(end)
  }

  /** Cuts what is on its way, and waits until it is settled. */
  async stop(): Promise<void> {
    for (const running of this.#running.values()) for (const one of running) one.leave()
    await Promise.all(this.#ends)
  }

  /** For Prometheus; nothing where no route has a shadow. */
  format(): string {
    const seriesOf = (name: string): Series => [`route="${name}"`, this.#leftOut.get(name) ?? 0]
    return formatFamily('shadows_left_out_total', [...this.#running.keys()].map(seriesOf))
  }

  async #run({ live, shadow, budgets, presence }: Mirror): Promise<void> {
    const startMs = performance.now()
    const tally = new Tally()
    const onCharge: Call['onCharge'] = (charge) => tally.add(charge)
    const { directory, asker, call: asked } = live
    const by = { key: asker().key, asker, bounds: asked.bounds }
    const selection = this.#ports.router.select(directory, shadow, by) // H4
    const requestId = `${asked.requestId}-shadow` // H6
    const own = { requestId, route: shadow, budgets, presence, selection, onCharge }
    const call: Call = { ...asked, ...own }
    const pursuit = this.#ports.router.pursue(call)
    const answer = await pursuit.next()
    let failure = whyNot(answer)
    if (answer.kind === 'answered' && answer.outcome.kind === 'stream') {
      const { stream } = answer.outcome
      presence.onGone(() => stream.cancel())
      const broken = await drained(answer.outcome)
      if (broken === null || presence.isGone) pursuit.finished()
      else pursuit.broke(broken) // H2
      failure = broken?.failure ?? null
    }
    const place = { project: shadow.project, key: by.key.id, route: `shadow/${shadow.name}` }
    tally.count(this.#ports.usage, place, { isFailed: failure !== null, isCached: false })
    const alike =
      answer.kind === 'answered' && failure === null ? likenessOf(live, answer) : notCompared
    this.#ports.comparisons.add({
      ...{ atMs: this.#ports.nowMs(), id: live.call.requestId },
      ...{ project: shadow.project, route: shadow.name },
      live: comparedOf(live.tally, live.ms),
      shadow: comparedOf(tally, performance.now() - startMs),
      ...{ failure, ...alike },
    })
  }
}

/** Null for an answer; in classes, which say more than that there was none. */
function whyNot(answer: Answer): string | null {
  switch (answer.kind) {
    case 'answered':
      return null
    case 'refused':
      return answer.failed.failure === 'caller' ? 'refused' : answer.failed.failure
    case 'unanswered':
      return answer.last ?? 'unanswered'
    case 'impossible':
    case 'unaffordable':
      return answer.kind
  }
}

/** Reads a stream to its end: null where it came well. */
async function drained({ stream }: StreamAttempt): Promise<FailedAttempt | null> {
  for (;;) {
    const turn = await stream.next()
    if (turn.kind === 'end') return null
    if (turn.kind === 'broken') return turn.failure
  }
}

function comparedOf(tally: Tally, ms: number): Compared {
  const { targets, inputTokens, outputTokens, costNanos } = tally
  return { targets, ms, inputTokens, outputTokens, costNanos }
}
