// Lease file
//
// The accounts of budgets where no control plane keeps them: in one file, on disk before anything is granted. By the
// same decisions as the control plane's. Its first line holds the accounts of some moment, each other one the changes
// of one answer since, so that an answer costs what it changes, however many budgets there are.
//
// Invariants:
//   B1. What is settled and what is open never exceed a budget's limit together (core/routing/budget.ts).
//   B3. Leases of a start before this one are charged in full: nobody can say any more what was spent of them.
//   B4. Of those that share a file by mistake the last that started keeps it; the others grant nothing more.
//   B5. What is not on disk was not granted, nor settled: a write that failed leaves the accounts as they were.
//   B6. A file that is gone is nobody else's: whoever held it last writes it again from memory, and goes on.

import { randomUUID } from 'node:crypto'
import {
  type BudgetSpec,
  chargedAtMs,
  decideGrant,
  type LeaseAnswer,
  LeaseBook,
  type LeaseChange,
  type LeaseRequest,
  leaseAccounts,
  leaseChange,
  leaseMs,
  lostMs,
  nanosOf,
  type SoftBudget,
  shortMs,
  softUntilMs,
  windowBounds,
} from '@tutti/core/routing'
import { LineFile, whyUnreadable } from '@tutti/machine'
import { z } from 'zod'
import { Failure } from '../failure.ts'

export interface LeaseFilePorts {
  readonly path: string
  readonly budgetOf: (project: string, name: string) => BudgetSpec | undefined
  readonly nowMs: () => number
  /** B6. Called each time that the file was gone and has been written again. */
  readonly onWrittenAgain?: () => void
}

const changesBytesMax = 2 ** 20 // or as much as the accounts take; then these are written anew

const changeLine = z.array(leaseChange)

interface BudgetName {
  readonly project: string
  readonly budget: string
}

export interface Kept {
  readonly holder: string | undefined
  readonly book: LeaseBook
}

export class LeaseFile {
  readonly #ports: LeaseFilePorts
  readonly #file: LineFile
  /** Of this start. */
  readonly #holder = randomUUID()
  readonly #book: LeaseBook
  /** Of the line with the accounts; written by `#write`. */
  #accountsBytes = 0
  /** When more was wanted than there was, by project and budget; written by `#grant`. */
  readonly #refusedAtMs = new Map<string, number>()
  /** Another holds the file, for good; written by `assertHeld`. */
  #isTaken = false

  /** Throws where the file is there and cannot be read: then nobody knows what was spent. */
  constructor(ports: LeaseFilePorts) {
    this.#ports = ports
    this.#file = new LineFile(ports.path)
    this.#book = readLeases(this.#file)?.book ?? new LeaseBook({ settled: {}, open: {} })
    for (const lease of this.#book.lapsed(Infinity)) {
      this.#book.apply({ kind: 'ended', lease, ending: 'lost' }) // B3
    }
    this.#write()
  }

  /** Throws where it cannot be kept: then nothing has changed. */
  ask(request: LeaseRequest): LeaseAnswer {
    this.assertHeld()
    if (this.#isLong()) this.#write()
    const changes: LeaseChange[] = []
    const undo: (() => void)[] = []
    const change = (one: LeaseChange) => {
      undo.push(this.#book.apply(one))
      changes.push(one)
    }
    try {
      const answer = this.#answer(request, change)
      // On disk before anybody spends of it.
      if (changes.length > 0) this.#file.append(JSON.stringify(changes))
      return answer
    } catch (error) {
      for (const back of undo.toReversed()) back() // B5
      throw error
    }
  }

  /** B4. Throws where another has taken the accounts, those of usage among them. */
  assertHeld(): void {
    const state = this.#isTaken ? 'changed' : this.#file.state()
    if (state === 'as-written') return
    const kept = this.#isTaken ? null : readLeases(this.#file)
    this.#isTaken ||= kept !== null && kept.holder !== this.#holder
    if (this.#isTaken) throw new Error(`another gateway has taken ${this.#ports.path}`)
    this.#write()
    if (state === 'missing') this.#ports.onWrittenAgain?.() // B6
  }

  #answer(request: LeaseRequest, change: (one: LeaseChange) => void): LeaseAnswer {
    const unknown: string[] = []
    const told = new Map<string, BudgetName>()
    const untilMs = this.#ports.nowMs() + lostMs
    for (const { lease, nanos, isOver, heldNanos = Infinity } of request.settled) {
      const known = this.#book.lease(lease)
      if (known === undefined || known.gateway !== request.gateway) {
        unknown.push(lease)
        continue
      }
      const { project, budget } = known
      told.set(keyOf(known), { project, budget })
      this.#book.prolong(lease, untilMs)
      if (heldNanos < known.grantedNanos) {
        const as = { ...known, untilMs, grantedNanos: heldNanos }
        change({ kind: 'opened', lease, as })
      }
      if (nanos > known.settledNanos) change({ kind: 'settled', lease, nanos })
      if (isOver) change({ kind: 'ended', lease, ending: 'closed' })
    }
    const short = () => this.#shortOf([...told.values(), ...request.wanted], request)
    if (request.wanted.length === 0) return { granted: [], unknown, ...short() }
    for (const lease of this.#book.lapsed(this.#ports.nowMs())) {
      change({ kind: 'ended', lease, ending: 'lost' }) // B3
    }
    const granted = request.wanted.flatMap((wanted) => {
      return this.#grant(request.gateway, wanted, change)
    })
    const soft = request.wanted.flatMap((wanted) => this.#softOf(wanted))
    return { granted, unknown, ...short(), ...(soft.length === 0 ? {} : { soft }) }
  }

  #grant(
    gateway: string,
    wanted: LeaseRequest['wanted'][number],
    change: (one: LeaseChange) => void,
  ): LeaseAnswer['granted'] {
    const { project, budget, lease = randomUUID() } = wanted
    const nowMs = this.#ports.nowMs()
    const spec = this.#ports.budgetOf(project, budget)
    if (spec === undefined) return []
    const { startMs, endMs } = windowBounds(spec.window, nowMs)
    const { settledNanos, openNanos } = this.#book.charged(wanted, { startMs, endMs })
    const limitNanos = nanosOf(spec.limitDollars)
    const state = { limitNanos, settledNanos, openNanos }
    const nanos = decideGrant(state, wanted.nanos, wanted.least) // B1
    if (nanos === 0) {
      this.#refusedAtMs.set(keyOf(wanted), nowMs)
      return []
    }
    const atMs = chargedAtMs(spec.window, nowMs)
    const of = { gateway, project, budget, startMs: atMs, untilMs: nowMs + lostMs }
    change({ kind: 'opened', lease, as: { ...of, grantedNanos: nanos, settledNanos: 0 } })
    return [{ lease, project, budget, nanos, untilMs: Math.min(nowMs + leaseMs, endMs) }]
  }

  #shortOf(
    budgets: readonly BudgetName[],
    { hearsShort }: LeaseRequest,
  ): Pick<LeaseAnswer, 'short'> {
    const nowMs = this.#ports.nowMs()
    const isShort = (one: BudgetName) =>
      Math.abs(nowMs - (this.#refusedAtMs.get(keyOf(one)) ?? -Infinity)) < shortMs
    const found = budgets.filter(isShort).map(({ project, budget }) => ({ project, budget }))
    return hearsShort === true && found.length > 0 ? { short: found } : {}
  }

  #softOf({ project, budget }: LeaseRequest['wanted'][number]): SoftBudget[] {
    const nowMs = this.#ports.nowMs()
    const spec = this.#ports.budgetOf(project, budget)
    if (spec === undefined) return []
    const window = windowBounds(spec.window, nowMs)
    const { settledNanos, toldNanos } = this.#book.charged({ project, budget }, window)
    const untilMs = softUntilMs(spec, settledNanos + toldNanos, nowMs)
    return untilMs === null ? [] : [{ project, budget, untilMs }]
  }

  #isLong(): boolean {
    const accountsBytes = this.#accountsBytes
    return this.#file.bytes > accountsBytes + Math.max(accountsBytes, changesBytesMax)
  }

  /** The accounts as they are, old windows folded. */
  #write(): void {
    this.#book.fold()
    const format = 'tutti/leases/v2'
    const accounts = { format, holder: this.#holder, ...this.#book.accounts() }
    this.#file.replace(JSON.stringify(accounts))
    this.#accountsBytes = this.#file.bytes
  }
}

function keyOf({ project, budget }: BudgetName): string {
  return `${project}/${budget}`
}

/** Null where there is none; throws where nobody can say what it held. */
export function readLeases(file: LineFile): Kept | null {
  try {
    const lines = file.read()
    if (lines === null) return null
    const [first = '', ...others] = lines
    const { holder, ...accounts } = leaseAccounts.parse(JSON.parse(first))
    const book = new LeaseBook(accounts)
    for (const line of others) {
      for (const change of changeLine.parse(JSON.parse(line))) book.apply(change)
    }
    return { holder, book }
  } catch (error) {
    const hint = 'restore it, or delete it to have all Budgets begin anew'
    const message = `what Budgets have spent cannot be read from ${file.path}`
    const why = whyUnreadable(error, hint)
    throw new Failure('gateway/accounts-unreadable', `${message}: ${why}`, error)
  }
}
