// Lease book
//
// The accounts of budgets where a file keeps them: what was charged in each window, and which leases are open. They
// follow from changes alone, so that a file may hold the accounts of some moment and every change since.
//
// Invariants:
//   A1. The same changes give the same accounts, and a change that is undone leaves them as they were.
//   A2. What is forgotten no clock says, for it may be wrong by a year: it is what was charged before as many days, on each
//       of which something was charged, as a window may have twice.

import { z } from 'zod'
import { chargeOf } from './budget.ts'

const nanos = z.int().min(0)

export const openLease = z.strictObject({
  gateway: z.string(),
  project: z.string(),
  budget: z.string(),
  /** The moment that it is charged to: `chargedAtMs`. */
  startMs: z.number(),
  grantedNanos: nanos,
  settledNanos: nanos,
  untilMs: z.number(),
})
export type OpenLease = z.infer<typeof openLease>

/** The accounts of one moment. */
export const leaseAccounts = z.strictObject({
  /** Of version 1 a file holds this alone, of 2 the changes since, line by line. */
  format: z.enum(['tutti/leases/v1', 'tutti/leases/v2']),
  /** The start that keeps it; absent in files of before. */
  holder: z.string().optional(),
  /** Charged to each moment of each budget, by `project/budget/start`. */
  settled: z.record(z.string(), nanos),
  open: z.record(z.string(), openLease),
})
export type LeaseAccounts = z.infer<typeof leaseAccounts>

export const leaseChange = z.discriminatedUnion('kind', [
  /** Of one that is open: as it is from here on, a part of it given back. */
  z.strictObject({ kind: z.literal('opened'), lease: z.string(), as: openLease }),
  z.strictObject({ kind: z.literal('settled'), lease: z.string(), nanos }),
  z.strictObject({
    kind: z.literal('ended'),
    lease: z.string(),
    ending: z.enum(['closed', 'lost']),
  }),
])
export type LeaseChange = z.infer<typeof leaseChange>

const dayMs = 86_400_000
// Of so many days an hour is told from others of its day: of more than a clock is wrong for, as a rule.
export const hoursDays = 7
// More than any window has but the one that never ends, and a month on a clock that is wrong.
const pastDays = 62

interface BudgetName {
  readonly project: string
  readonly budget: string
}

interface BudgetAccount {
  /** By the moment that it is charged to. */
  readonly settled: Map<number, number>
  readonly open: Map<string, OpenLease>
}

/** What is charged in a window. */
export interface Charged {
  /** By leases that are closed. */
  readonly settledNanos: number
  /** Held by leases that are open. */
  readonly openNanos: number
  /** Told so far by those. */
  readonly toldNanos: number
}

export class LeaseBook {
  /** By project and budget. */
  readonly #budgets = new Map<string, BudgetAccount>()
  readonly #open = new Map<string, OpenLease>()

  constructor({ settled, open }: Pick<LeaseAccounts, 'settled' | 'open'>) {
    for (const [window, nanos] of Object.entries(settled)) {
      const at = window.lastIndexOf('/')
      this.#account(window.slice(0, at)).settled.set(Number(window.slice(at + 1)), nanos)
    }
    for (const [lease, as] of Object.entries(open)) this.#put(lease, as)
  }

  lease(id: string): OpenLease | undefined {
    return this.#open.get(id)
  }

  /** Those whose time is over. */
  lapsed(nowMs: number): string[] {
    return [...this.#open].filter(([, { untilMs }]) => untilMs < nowMs).map(([id]) => id)
  }

  /** To moments within these. */
  charged(
    { project, budget }: BudgetName,
    { startMs, endMs }: { readonly startMs: number; readonly endMs: number },
  ): Charged {
    const account = this.#budgets.get(`${project}/${budget}`)
    let [settledNanos, openNanos, toldNanos] = [0, 0, 0]
    const isIn = (atMs: number) => atMs >= startMs && atMs < endMs
    for (const [atMs, nanos] of account?.settled ?? []) if (isIn(atMs)) settledNanos += nanos
    for (const lease of account?.open.values() ?? []) {
      if (!isIn(lease.startMs)) continue
      openNanos += chargeOf(lease, 'lost')
      toldNanos += lease.settledNanos
    }
    return { settledNanos, openNanos, toldNanos }
  }

  /** Its gateway was heard of: what it said last is no lost lease's. */
  prolong(id: string, untilMs: number): void {
    const lease = this.#open.get(id)
    if (lease !== undefined) this.#put(id, { ...lease, untilMs })
  }

  /**
   * Returns what undoes it; of several the last comes first. Of a lease that is not open nothing
   * changes.
   */
  apply(change: LeaseChange): () => void {
    const { lease } = change
    const known = this.#open.get(lease)
    if (change.kind === 'opened') {
      this.#put(lease, change.as)
      return known === undefined
        ? () => void this.#take(lease, change.as)
        : () => this.#put(lease, known)
    }
    if (known === undefined) return () => {}
    if (change.kind === 'settled') {
      this.#put(lease, { ...known, settledNanos: change.nanos })
      return () => this.#put(lease, known)
    }
    const { settled } = this.#take(lease, known)
    const before = settled.get(known.startMs)
    settled.set(known.startMs, (before ?? 0) + chargeOf(known, change.ending))
    return () => {
      if (before === undefined) settled.delete(known.startMs)
      else settled.set(known.startMs, before)
      this.#put(lease, known)
    }
  }

  /**
   * Forgets windows that are long over, and counts hours of some days ago by their day: there they
   * count for a Budget whose window was made longer. One that never ends began at 0, and stays.
   */
  fold(): void {
    const days = this.#days()
    const [hoursFromMs = 0, fromMs = 0] = [days[hoursDays - 1], days[pastDays - 1]] // A2
    for (const [name, { settled, open }] of this.#budgets) {
      for (const [startMs, nanos] of settled) {
        const dayStartMs = dayOf(startMs)
        if (startMs === 0 || startMs >= hoursFromMs) continue
        if (startMs >= fromMs && startMs === dayStartMs) continue
        settled.delete(startMs)
        if (startMs < fromMs) continue
        settled.set(dayStartMs, (settled.get(dayStartMs) ?? 0) + nanos)
      }
      if (settled.size === 0 && open.size === 0) this.#budgets.delete(name)
    }
  }

  /** On which anything was charged, the newest first. */
  #days(): number[] {
    const days = new Set<number>()
    for (const { settled, open } of this.#budgets.values()) {
      for (const startMs of settled.keys()) days.add(dayOf(startMs))
      for (const { startMs } of open.values()) days.add(dayOf(startMs))
    }
    return [...days].sort((one, other) => other - one)
  }

  accounts(): Pick<LeaseAccounts, 'settled' | 'open'> {
    const settled = [...this.#budgets].flatMap(([name, account]) =>
      [...account.settled].map(([startMs, nanos]) => [`${name}/${startMs}`, nanos] as const),
    )
    return { settled: Object.fromEntries(settled), open: Object.fromEntries(this.#open) }
  }

  #account(name: string): BudgetAccount {
    const known = this.#budgets.get(name)
    if (known !== undefined) return known
    const made = { settled: new Map<number, number>(), open: new Map<string, OpenLease>() }
    this.#budgets.set(name, made)
    return made
  }

  #put(lease: string, as: OpenLease): void {
    this.#open.set(lease, as)
    this.#account(`${as.project}/${as.budget}`).open.set(lease, as)
  }

  #take(lease: string, { project, budget }: BudgetName): BudgetAccount {
    this.#open.delete(lease)
    const account = this.#account(`${project}/${budget}`)
    account.open.delete(lease)
    return account
  }
}

function dayOf(startMs: number): number {
  return startMs - (startMs % dayMs)
}
