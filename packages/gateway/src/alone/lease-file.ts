// Lease file
//
// The accounts of budgets where no control plane keeps them: in one file, written and on disk before anything is
// granted. By the same decisions as the control plane's.
//
// Invariants:
//   B1. What is settled and what is open never exceed a budget's limit together (core/routing/budget.ts).
//   B3. Leases of a start before this one are charged in full: nobody can say any more what was spent of them.
//   B4. Of those that share a file by mistake the last that started keeps it; the others grant nothing more.
//   B6. A file that is gone is nobody else's: whoever held it last writes it again from memory, and goes on.
//   B5. What is not on disk was not granted, nor settled: a write that failed leaves the accounts as they were.

import { randomUUID } from 'node:crypto'
import { readFileSync } from 'node:fs'
import {
  type BudgetSpec,
  chargeOf,
  decideGrant,
  type LeaseAccounts,
  type LeaseAnswer,
  type LeaseRequest,
  leaseAccounts,
  nanosOf,
  type SoftBudget,
  softUntilMs,
  windowBounds,
} from '@tutti/core/routing'
import { whyUnreadable, writeDurably } from '@tutti/machine'
import { Failure, isMissing } from '../failure.ts'

export interface LeaseFilePorts {
  readonly path: string
  readonly budgetOf: (project: string, name: string) => BudgetSpec | undefined
  readonly nowMs: () => number
  /** B6. Called each time that the file was gone and has been written again. */
  readonly onWrittenAgain?: () => void
}

// Longer than any window but the one that never ends, and a clock that is wrong by a month: what was spent before it
// leapt counts once it is right again.
const pastMs = 62 * 86_400_000
const windowsMax = 62 // of one Budget, since all of them are written for each grant; the newest
const leaseMs = 2 * 3_600_000 // as the control plane's

export class LeaseFile {
  readonly #ports: LeaseFilePorts
  /** Of this start. */
  readonly #holder = randomUUID()
  /** Written by `#change` alone. */
  #accounts: LeaseAccounts
  /** Another holds the file, for good; written by `assertHeld`. */
  #isTaken = false

  /** Throws where the file is there and cannot be read: then nobody knows what was spent. */
  constructor(ports: LeaseFilePorts) {
    this.#ports = ports
    this.#accounts = this.#read() ?? { format: 'tutti/leases/v1', settled: {}, open: {} }
    this.#change(() => {
      for (const id of Object.keys(this.#accounts.open)) this.#end(id, 'lost') // B3
      this.#forgetPast()
    })
  }

  /** Throws where it cannot be kept: then nothing has changed. */
  ask(request: LeaseRequest): LeaseAnswer {
    this.assertHeld()
    return this.#change(() => this.#answer(request)) // on disk before anybody spends of it
  }

  /** B4. Throws where another has taken the accounts, those of usage among them. */
  assertHeld(): void {
    if (!this.#isTaken) {
      const kept = this.#read()
      if (kept === null) return this.#writeAgain()
      if (kept.holder === this.#holder) return
      this.#isTaken = true
    }
    throw new Error(`another gateway has taken ${this.#ports.path}`)
  }

  /** B6. */
  #writeAgain(): void {
    this.#change(() => {})
    this.#ports.onWrittenAgain?.()
  }

  #answer(request: LeaseRequest): LeaseAnswer {
    const unknown: string[] = []
    for (const { lease: id, nanos, isOver } of request.settled) {
      const known = this.#accounts.open[id]
      if (known === undefined || known.gateway !== request.gateway) unknown.push(id)
      else {
        known.settledNanos = Math.max(known.settledNanos, nanos)
        if (isOver) this.#end(id, 'closed')
      }
    }
    const granted = request.wanted.flatMap((wanted) => this.#grant(request.gateway, wanted))
    const soft = request.wanted.flatMap((wanted) => this.#softOf(wanted))
    return { granted, unknown, ...(soft.length === 0 ? {} : { soft }) }
  }

  #grant(gateway: string, wanted: LeaseRequest['wanted'][number]): LeaseAnswer['granted'] {
    const { project, budget, lease: id = randomUUID() } = wanted
    const nowMs = this.#ports.nowMs()
    const spec = this.#ports.budgetOf(project, budget)
    if (spec === undefined) return []
    const open = Object.entries(this.#accounts.open)
    for (const [id, { untilMs }] of open) if (untilMs < nowMs) this.#end(id, 'lost') // B3
    const { startMs, endMs } = windowBounds(spec.window, nowMs)
    const { settledNanos, open: held } = this.#chargedIn(wanted, { startMs, endMs })
    const openNanos = held.reduce(
      (sum, one) => sum + Math.max(one.grantedNanos, one.settledNanos),
      0,
    )
    this.#forgetPast()
    const limitNanos = nanosOf(spec.limitDollars)
    const nanos = decideGrant({ limitNanos, settledNanos, openNanos }, wanted.nanos) // B1
    if (nanos === 0) return []
    const untilMs = nowMs + leaseMs
    this.#accounts.open[id] = {
      ...{ gateway, project, budget, startMs, untilMs },
      ...{ grantedNanos: nanos, settledNanos: 0 },
    }
    return [{ lease: id, project, budget, nanos, untilMs: Math.min(untilMs, endMs) }]
  }

  #softOf({ project, budget }: LeaseRequest['wanted'][number]): SoftBudget[] {
    const nowMs = this.#ports.nowMs()
    const spec = this.#ports.budgetOf(project, budget)
    if (spec === undefined) return []
    const window = windowBounds(spec.window, nowMs)
    const { settledNanos, open } = this.#chargedIn({ project, budget }, window)
    const spentNanos = open.reduce((sum, one) => sum + one.settledNanos, settledNanos)
    const untilMs = softUntilMs(spec, spentNanos, nowMs)
    return untilMs === null ? [] : [{ project, budget, untilMs }]
  }

  /** What is settled, and the leases that are open. */
  #chargedIn(
    { project, budget }: { readonly project: string; readonly budget: string },
    { startMs, endMs }: { readonly startMs: number; readonly endMs: number },
  ) {
    const isIn = (atMs: number) => atMs >= startMs && atMs < endMs
    const { settled, open } = this.#accounts
    const prefix = `${project}/${budget}/`
    const settledNanos = Object.entries(settled)
      .filter(([name]) => name.startsWith(prefix) && isIn(Number(name.slice(prefix.length))))
      .reduce((sum, [, nanos]) => sum + nanos, 0)
    const isOpen = (one: { project: string; budget: string; startMs: number }) =>
      one.project === project && one.budget === budget && isIn(one.startMs)
    return { settledNanos, open: Object.values(open).filter(isOpen) }
  }

  #end(id: string, ending: 'closed' | 'lost'): void {
    const known = this.#accounts.open[id]
    if (known === undefined) return
    delete this.#accounts.open[id]
    const window = `${known.project}/${known.budget}/${known.startMs}`
    const { settled } = this.#accounts
    settled[window] = (settled[window] ?? 0) + chargeOf(known, ending)
  }

  /** Windows long over; one that never ends began at 0, and stays. */
  #forgetPast(): void {
    const beforeMs = this.#ports.nowMs() - pastMs
    const { settled } = this.#accounts
    const starts = new Map<string, number[]>()
    for (const window of Object.keys(settled)) {
      const at = window.lastIndexOf('/')
      const startMs = Number(window.slice(at + 1))
      if (startMs === 0) continue
      const known = starts.get(window.slice(0, at))
      if (known === undefined) starts.set(window.slice(0, at), [startMs])
      else known.push(startMs)
    }
    for (const [budget, known] of starts) {
      const newest = known.toSorted((a, b) => b - a)
      for (const [i, startMs] of newest.entries()) {
        if (i >= windowsMax || startMs < beforeMs) delete settled[`${budget}/${startMs}`]
      }
    }
  }

  #read(): LeaseAccounts | null {
    const { path } = this.#ports
    try {
      return leaseAccounts.parse(JSON.parse(readFileSync(path, 'utf8')))
    } catch (error) {
      if (isMissing(error)) return null
      const hint = 'restore it, or delete it to have all Budgets begin anew'
      const message = `what Budgets have spent cannot be read from ${path}`
      const why = whyUnreadable(error, hint)
      throw new Failure('gateway/accounts-unreadable', `${message}: ${why}`, error)
    }
  }

  /** B5. */
  #change<Result>(change: () => Result): Result {
    const before = this.#accounts
    this.#accounts = { ...structuredClone(before), holder: this.#holder }
    try {
      const result = change()
      writeDurably(this.#ports.path, JSON.stringify(this.#accounts))
      return result
    } catch (error) {
      this.#accounts = before
      throw error
    }
  }
}
