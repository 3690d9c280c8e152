// Usage counts
//
// Counts what requests used, and tells the control plane from time to time. Requests wait for nobody: counts of a
// control plane that is away stay here until it is back, and on disk, so that they outlive this process.
//
// Invariants:
//   U1. A report goes again under its number until it is taken, whoever sends it: the control plane counts it once.
//   U2. At most `rowsMax` rows wait in reports and as many outside; what would be more is counted as `other`.

import {
  addUsage,
  noAmounts,
  otherPlace,
  type UsageAmounts,
  type UsagePlace,
  type UsageReport,
  type UsageRow,
  usageRowsMax,
} from '@tutti/core/routing'

type Mutable = { -readonly [Name in keyof UsageRow]: UsageRow[Name] }

export interface UsagePorts {
  readonly gateway: string
  /** Sends a report; throws where it is not taken. */
  readonly send: (report: UsageReport) => Promise<void>
  readonly shelf: UsageShelf
  readonly nowMs: () => number
}

/** Where reports wait that nobody has taken yet. */
export interface UsageShelf {
  readonly put: (report: UsageReport) => Promise<void>
  readonly drop: (report: UsageReport) => Promise<void>
  /** Those of processes that are gone, each gateway's in order. */
  readonly left: () => Promise<readonly UsageReport[]>
}

const hourMs = 3_600_000
const awayMs = 60_000 // of a control plane that is away: so much of the counts are not on disk yet
const reportsMax = 2_000 // on disk: more than a day; what comes then waits in memory alone
const rowsMax = 50_000 // some twenty megabytes; hours of a control plane that is away

export class UsageCounts {
  readonly #ports: UsagePorts
  /** Since the last report, by place and hour; written by `add` and `#nextReport`. */
  #rows = new Map<string, Mutable>()
  /** The one that was counted last: most requests are like the one before. Written with `#rows`. */
  #last: Mutable | null = null
  /** Made, and not taken yet, in order; written by `#freeze` and `#send`. */
  #unsent: UsageReport[] = []
  /** How many of the first of them are on the shelf. */
  #shelved = 0
  #frozenMs = -Infinity
  /** Of processes before this one; null until they were looked for. */
  #left: UsageReport[] | null = null
  #sequence = 0
  #telling: Promise<void> | null = null

  constructor(ports: UsagePorts) {
    this.#ports = ports
  }

  add(place: UsagePlace, amounts: Partial<UsageAmounts>): void {
    addUsage(this.#rowOf(place), amounts)
  }

  /** Tells all there is; throws where the control plane does not take it. */
  tell(): Promise<void> {
    this.#telling ??= this.#tell().finally(() => {
      this.#telling = null
    })
    return this.#telling
  }

  /** Makes all of it ready, also where nobody takes it: for a gateway that stops. */
  async close(): Promise<void> {
    await this.#telling?.catch(() => {}) // it began without the last of it
    this.#frozenMs = -Infinity
    await this.tell()
  }

  async #tell(): Promise<void> {
    this.#freeze()
    try {
      await this.#sendLeft()
      await this.#send()
    } catch (error) {
      await this.#shelve()
      throw error
    }
  }

  /** One report after the other while they are taken, else one a minute: each is a file. */
  #freeze(): void {
    const nowMs = this.#ports.nowMs()
    // Also where the clock was set back since.
    const isDue = this.#unsent.length === 0 || Math.abs(nowMs - this.#frozenMs) >= awayMs
    const rows = this.#unsent.reduce((sum, report) => sum + report.rows.length, 0)
    if (!isDue || this.#unsent.length >= reportsMax || rows >= rowsMax) return
    this.#frozenMs = nowMs
    for (let next = this.#nextReport(); next !== null; next = this.#nextReport()) {
      this.#unsent.push(next)
    }
  }

  async #send(): Promise<void> {
    for (let next = this.#unsent[0]; next !== undefined; next = this.#unsent[0]) {
      await this.#ports.send(next) // U1
      this.#unsent.shift()
      if (this.#shelved === 0) continue
      this.#shelved -= 1
      await this.#ports.shelf.drop(next)
    }
  }

  async #sendLeft(): Promise<void> {
    this.#left ??= [...(await this.#ports.shelf.left())]
    for (let next = this.#left[0]; next !== undefined; next = this.#left[0]) {
      await this.#ports.send(next)
      this.#left.shift()
      await this.#ports.shelf.drop(next)
    }
  }

  async #shelve(): Promise<void> {
    for (const report of this.#unsent.slice(this.#shelved)) {
      await this.#ports.shelf.put(report)
      this.#shelved += 1
    }
  }

  #nextReport(): UsageReport | null {
    const rows: UsageRow[] = []
    this.#last = null
    for (const [name, row] of this.#rows) {
      if (rows.length >= usageRowsMax) break
      rows.push(row)
      this.#rows.delete(name)
    }
    if (rows.length === 0) return null
    this.#sequence += 1
    return { gateway: this.#ports.gateway, sequence: this.#sequence, rows }
  }

  #rowOf(place: UsagePlace): Mutable {
    const now = this.#ports.nowMs()
    const hour = now - (now % hourMs)
    const { project, key, route, model } = place
    const last = this.#last
    if (last !== null && last.hourMs === hour && isPlace(last, place)) return last
    const name = `${project}\n${key}\n${route}\n${model}\n${hour}`
    const known = this.#rows.get(name)
    if (known !== undefined) {
      this.#last = known
      return known
    }
    if (this.#rows.size >= rowsMax && model !== 'other') {
      return this.#rowOf(otherPlace(project)) // U2
    }
    const row = { ...place, hourMs: hour, ...noAmounts }
    this.#rows.set(name, row)
    return row
  }
}

function isPlace(one: UsagePlace, { project, key, route, model }: UsagePlace): boolean {
  const isKeys = one.key === key && one.project === project
  return isKeys && one.route === route && one.model === model
}
