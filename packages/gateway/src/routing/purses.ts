// Purses
//
// What this gateway may spend: leases that the control plane granted, one or more for each budget. A request sets its
// worst case aside from every budget that it falls under, and no request waits for a database: only the first of a
// budget, or one that needs more than is held, waits for one answer of the control plane.
//
// Invariants:
//   U1. Nothing is spent that is not held (B2); what was set aside is settled exactly once.
//   U2. What was spent of a lease is said before more is wanted, as a total: saying it twice changes nothing.
//   U3. A lease that the control plane no longer knows pays for nothing more.
//   U4. What is held is given back only to a control plane that is there: while it is away a request that is too dear
//       takes nothing from those that are not.
//   U5. A lease that was granted, and whose answer was lost, is given back: nobody is charged for what nobody had.
//   U6. What was granted when a Budget was higher, or of another window, pays for nothing once its change is known.
//   U7. Every lease is spoken of, also one that nothing was paid from: it is not lost, and goes back where others lack
//       it; of one that somebody is paid from, what is not set aside.

import { randomUUID } from 'node:crypto'
import {
  emptyPurse,
  type LeaseAnswer,
  type LeaseRequest,
  leftNanos,
  nanosOf,
  type Purse,
  reserveFrom,
  settleIn,
} from '@tutti/core/routing'
import type { BudgetEntry } from './directory.ts'
import { budgetKey, type Want, WantRounds } from './want-rounds.ts'

export interface LeasePorts {
  /** Asks the control plane; throws where it is away. */
  readonly ask: (request: Omit<LeaseRequest, 'gateway'>) => Promise<LeaseAnswer>
  readonly nowMs: () => number
}

interface Lease {
  readonly id: string
  readonly project: string
  readonly budget: string
  readonly untilMs: number
  readonly grantedNanos: number
  /** As the Budget was when it was wanted. */
  readonly terms: Pick<BudgetEntry, 'limitDollars' | 'window'>
  /** What is held of it: less than was granted where others lack it. */
  purse: Purse
  /** What the control plane was told last. */
  toldNanos: number
  toldAtMs: number
  /**
   * True for one that has been outgrown, or whose Budget is another now: it goes back with the next
   * word to the control plane.
   */
  isSpare: boolean
  /** True once it was given back, whether or not that was heard: nothing more is paid from it. */
  isEnding: boolean
}

/** What is set aside for one attempt. */
export interface Reservation {
  readonly settle: (costNanos: number) => void
}

/** What is set aside, or the budget that does not hold it; `isAway`: nobody could say whether. */
export type Reserved = Reservation | Short

export interface Short {
  readonly spent: BudgetEntry
  readonly isAway?: true
}

// Of a budget that one lease takes: many gateways may hold one, and a crash loses one.
const share = 50
const turnsMax = 100 // of one who waits with others: each turn pays one of them
const askMsMin = 1_000 // between two askings for what a budget does not hold
const tellMsMax = 10_000 // U7: who lacks something waits for it no longer
const toldMax = 500 // leases that one word speaks of: it has to be answered within two seconds
const doubtMs = 60_000 // what was asked for is granted, or will never be: no statement takes longer
const doubtsMax = 100 // leases of those before them count as spent

export class Purses {
  readonly #ports: LeasePorts
  /** Written by `#keep` and `#drop`. */
  readonly #leases = new Map<string, Lease>()
  /** The same by project and Budget, of which each key may have its own. */
  readonly #byProject = new Map<string, Map<string, readonly Lease[]>>()
  /** When a budget did not hold so much; written by `#askFor`. */
  readonly #refused = new Map<string, { readonly atMs: number; readonly least: number }>()
  readonly #rounds = new WantRounds((wants) => this.#askFor(wants))
  /** Budgets over their soft limit, until when; written by `#ask`. */
  readonly #softUntilMs = new Map<string, number>()
  /** Leases whose answer was lost and that may have been granted, until when; written by `#ask`. */
  readonly #doubtful = new Map<string, number>()

  constructor(ports: LeasePorts) {
    this.#ports = ports
  }

  /** Sets `nanos` aside from each of these budgets, or names the one that does not hold them. */
  reserve(budgets: readonly BudgetEntry[], nanos: number): Reserved | Promise<Reserved> {
    // By far most requests are paid from what is held, and wait for nobody.
    const taken = this.#take(budgets, nanos)
    return 'settle' in taken ? taken : this.#wantAndTake(budgets, nanos)
  }

  async #wantAndTake(budgets: readonly BudgetEntry[], nanos: number): Promise<Reserved> {
    for (let turns = 1; ; turns++) {
      const short = budgets.filter((budget) => this.#leaseFor(budget, nanos) === null)
      const found = await this.#want(short, nanos)
      const taken = this.#take(budgets, nanos)
      if ('settle' in taken) return taken
      if (found === 'away') return { ...taken, isAway: true }
      // What was there may have been taken by another who waited for it too.
      if (found === 'spent' || turns === turnsMax) return taken
    }
  }

  #take(budgets: readonly BudgetEntry[], nanos: number): Reserved {
    const taken: Lease[] = []
    for (const budget of budgets) {
      const lease = this.#leaseFor(budget, nanos)
      const purse = lease === null ? null : reserveFrom(lease.purse, nanos)
      if (lease === null || purse === null) {
        for (const one of taken) this.#settle(one, nanos, 0)
        return { spent: budget }
      }
      lease.purse = purse
      taken.push(lease)
    }
    let isSettled = false
    return {
      settle: (costNanos) => {
        if (isSettled) return // U1
        isSettled = true
        for (const lease of taken) this.#settle(lease, nanos, costNanos)
      },
    }
  }

  /** Of these budgets the first that is over its soft limit; null where none is. */
  overSoft(budgets: readonly BudgetEntry[]): string | null {
    if (this.#softUntilMs.size === 0) return null
    const nowMs = this.#ports.nowMs()
    const over = budgets.find((one) => (this.#softUntilMs.get(budgetKey(one)) ?? 0) > nowMs)
    return over?.name ?? null
  }

  /** Says what was spent; ends leases that are used up or over. Called every second. */
  async tell(): Promise<void> {
    const nowMs = this.#ports.nowMs()
    const isNews = ({ purse, toldNanos, toldAtMs }: Lease) =>
      purse.settledNanos !== toldNanos || Math.abs(nowMs - toldAtMs) >= tellMsMax
    const news = [...this.#leases.values()].filter((one) => isNews(one) || this.#isOver(one))
    if (news.length > 0 || this.#doubtful.size > 0) await this.#tell(news)
  }

  /** Gives everything back: for a gateway that stops. */
  async close(): Promise<void> {
    await this.#tell([...this.#leases.values()], true)
  }

  async #tell(news: readonly Lease[], isLast = false): Promise<void> {
    for (let at = 0; at === 0 || at < news.length; at += toldMax) {
      await this.#ask(news.slice(at, at + toldMax), [], isLast)
    }
  }

  #settle(lease: Lease, reservedNanos: number, costNanos: number): void {
    lease.purse = settleIn(lease.purse, { reservedNanos, costNanos })
  }

  #leaseFor(budget: BudgetEntry, nanos: number): Lease | null {
    const { limitDollars, window } = budget
    const nowMs = this.#ports.nowMs()
    for (const lease of this.#of(budget)) {
      const isPast = lease.isEnding || lease.untilMs <= nowMs
      if (isPast || leftNanos(lease.purse) < nanos) continue
      const { terms } = lease
      if (terms.window === window && terms.limitDollars <= limitDollars) return lease
      lease.isSpare = true // U6
    }
    return null
  }

  /** `there`: enough was there when it was looked for. */
  async #want(short: readonly BudgetEntry[], nanos: number): Promise<'there' | 'spent' | 'away'> {
    if (short.some(({ limitDollars }) => nanos > nanosOf(limitDollars))) return 'spent' // for ever
    try {
      const lacking = await Promise.all(short.map((one) => this.#rounds.isLacking(one, nanos)))
      return lacking.includes(true) ? 'spent' : 'there'
    } catch {
      return 'away' // what is held is all there is
    }
  }

  /** Who needs less than was refused may; so may all where the clock was set back since. */
  #mayAsk({ entry, least }: Want, nowMs: number): boolean {
    const refused = this.#refused.get(budgetKey(entry))
    if (refused === undefined || Math.abs(nowMs - refused.atMs) >= askMsMin) return true
    return least < refused.least
  }

  /** The budgets that lack something. U4: those that are too small go back once it is known. */
  async #askFor(wants: readonly Want[]): Promise<ReadonlySet<string>> {
    const nowMs = this.#ports.nowMs()
    const isThere = ({ entry, nanos }: Want) => this.#leaseFor(entry, nanos) !== null
    const missing = wants.filter((want) => !isThere(want))
    const asked = missing.filter((want) => this.#mayAsk(want, nowMs))
    if (asked.length > 0) {
      const held = (of: readonly Want[]) => of.flatMap(({ entry }) => this.#of(entry))
      const shares = (of: readonly Want[]) => of.map(withShare)
      const old = new Map(asked.map((want) => [want, held([want])]))
      await this.#ask([...old.values()].flat(), shares(asked))
      const short = asked.filter((want) => !isThere(want))
      for (const [want, leases] of old) {
        if (!short.includes(want)) for (const lease of leases) lease.isSpare = true
      }
      const again = short.filter((want) => old.get(want)?.some(isIdle))
      if (again.length > 0) await this.#ask(held(again), shares(again), true)
    }
    const lacking = missing.filter((want) => !isThere(want))
    for (const { entry, least } of lacking.filter((want) => asked.includes(want))) {
      this.#refused.set(budgetKey(entry), { atMs: nowMs, least })
    }
    return new Set(lacking.map(({ entry }) => budgetKey(entry)))
  }

  async #ask(news: readonly Lease[], wants: readonly Want[], isLast = false): Promise<void> {
    for (const lease of news) lease.isEnding ||= isIdle(lease) && (isLast || this.#isOver(lease))
    const said = news.map(({ id, purse, isEnding, grantedNanos }) => ({
      ...{ lease: id, nanos: purse.settledNanos, isOver: isEnding },
      ...(purse.grantedNanos < grantedNanos ? { heldNanos: purse.grantedNanos } : {}),
    }))
    const atMs = this.#ports.nowMs()
    const doubted = [...this.#doubtful.keys()]
    const settled = [...said, ...doubted.map((lease) => ({ lease, nanos: 0, isOver: true }))]
    const wanted = wants.map(({ entry: { project, name: budget }, nanos, least }) => {
      return { project, budget, nanos, least, lease: randomUUID() }
    })
    const asked = { atMs, settled, wanted, hearsShort: true }
    const answer = await this.#ports.ask(asked).catch((error: unknown) => {
      // No sooner: of a lease that is still on its way nobody else may say that it is over.
      if (!isUnheard(error)) for (const { lease } of wanted) this.#doubt(lease, atMs + doubtMs)
      throw error
    })
    for (const lease of doubted) this.#doubtNoMore(lease, { answer, nowMs: atMs })
    for (const { lease, nanos, isOver } of said) {
      const known = this.#leases.get(lease)
      if (known === undefined) continue
      known.toldNanos = nanos
      known.toldAtMs = atMs
      if (isOver) this.#drop(lease)
    }
    for (const id of answer.unknown) this.#drop(id) // U3
    this.#takeIn(wants, answer)
  }

  #doubt(lease: string, untilMs: number): void {
    this.#doubtful.set(lease, untilMs)
    const [oldest] = this.#doubtful.keys()
    if (this.#doubtful.size > doubtsMax && oldest !== undefined) this.#doubtful.delete(oldest)
  }

  /** U5: what was asked for may come to the control plane late, behind this word. */
  #doubtNoMore(lease: string, of: { readonly answer: LeaseAnswer; readonly nowMs: number }): void {
    const leftMs = (this.#doubtful.get(lease) ?? 0) - of.nowMs
    const isOver = leftMs < 0 || leftMs > doubtMs // the clock may have been set back
    if (isOver || !of.answer.unknown.includes(lease)) this.#doubtful.delete(lease)
  }

  #takeIn(wants: readonly Want[], { granted, soft = [], short = [] }: LeaseAnswer): void {
    for (const { project, budget: name } of short) {
      for (const lease of this.#of({ project, name })) letGo(lease)
    }
    for (const { entry } of wants) this.#softUntilMs.delete(budgetKey(entry))
    for (const { project, budget: name, untilMs } of soft) {
      this.#softUntilMs.set(budgetKey({ project, name }), untilMs)
    }
    for (const { lease: id, project, budget, nanos, untilMs } of granted) {
      const want = wants.find(({ entry }) => entry.project === project && entry.name === budget)
      if (want === undefined) continue
      const { limitDollars, window } = want.entry
      const purse = { ...emptyPurse, grantedNanos: nanos }
      const toldAtMs = this.#ports.nowMs()
      const fresh = {
        purse,
        grantedNanos: nanos,
        toldNanos: 0,
        toldAtMs,
        isSpare: false,
        isEnding: false,
      }
      const terms = { limitDollars, window }
      this.#keep({ id, project, budget, untilMs, terms, ...fresh })
    }
  }

  /** Looked up by two names, not by one made of them, which every request would make. */
  #of({ project, name }: Pick<BudgetEntry, 'project' | 'name'>): readonly Lease[] {
    return this.#byProject.get(project)?.get(name) ?? nobodys
  }

  #keep(lease: Lease): void {
    const { project, budget: name } = lease
    const ofProject = this.#byProject.get(project) ?? new Map<string, readonly Lease[]>()
    ofProject.set(name, [...this.#of({ project, name }), lease])
    this.#byProject.set(project, ofProject)
    this.#leases.set(lease.id, lease)
  }

  #drop(id: string): void {
    const lease = this.#leases.get(id)
    if (lease === undefined) return
    const { project, budget: name } = lease
    const others = this.#of({ project, name }).filter((one) => one !== lease)
    const ofProject = this.#byProject.get(project)
    if (others.length > 0) ofProject?.set(name, others)
    else ofProject?.delete(name)
    if (ofProject?.size === 0) this.#byProject.delete(project)
    this.#leases.delete(id)
  }

  #isOver(lease: Lease): boolean {
    const isPast = lease.untilMs <= this.#ports.nowMs()
    const isDone = isPast || lease.isSpare || lease.isEnding || leftNanos(lease.purse) <= 0
    return isIdle(lease) && isDone
  }
}

const nobodys: readonly Lease[] = []

const unheard: ReadonlySet<unknown> = new Set(['ECONNREFUSED', 'EHOSTUNREACH', 'ENETUNREACH'])

/** Nobody was there who could have granted anything. */
function isUnheard(error: unknown): boolean {
  return error instanceof Error && 'code' in error && unheard.has(error.code)
}

/** U7: all of it, or what nobody is paid from, with the next word. */
function letGo(lease: Lease): void {
  const { purse } = lease
  const left = leftNanos(purse)
  if (isIdle(lease)) lease.isSpare = true
  else if (left > 0) {
    lease.purse = { ...purse, grantedNanos: purse.grantedNanos - left }
    lease.toldAtMs = -Infinity
  }
}

function isIdle({ purse }: Lease): boolean {
  return purse.reservedNanos === 0
}

function withShare({ entry, nanos, least }: Want): Want {
  return { entry, least, nanos: Math.max(nanos, Math.ceil(nanosOf(entry.limitDollars) / share)) }
}
