// Usage counts
//
// Counts what requests used, and tells the control plane from time to time. Requests wait for nobody: counts of a
// control plane that is away stay here until it is back.
//
// Invariants:
//   U1. A report goes again under its number until it is taken: the control plane counts it once.
//   U2. At most `rowsMax` rows wait; what would be more is counted under the name `other`.

import { type UsageReport, type UsageRow, usageRowsMax } from '@tutti/core/routing'

type Mutable = { -readonly [Name in keyof UsageRow]: UsageRow[Name] }
type Place = Pick<UsageRow, 'project' | 'key' | 'route' | 'model'>
type Counts = Partial<Omit<UsageRow, keyof Place | 'hourMs'>>

export interface UsagePorts {
  readonly gateway: string
  /** Sends a report; throws where it is not taken. */
  readonly send: (report: UsageReport) => Promise<void>
  readonly nowMs: () => number
}

const hourMs = 3_600_000
const rowsMax = 50_000 // some twenty megabytes; hours of a control plane that is away

export class UsageCounts {
  readonly #ports: UsagePorts
  /** Since the last report, by place and hour; written by `add` and `#nextReport`. */
  #rows = new Map<string, Mutable>()
  /** Made, and not taken yet. */
  #report: UsageReport | null = null
  #sequence = 0
  #telling: Promise<void> | null = null

  constructor(ports: UsagePorts) {
    this.#ports = ports
  }

  add(place: Place, counts: Counts): void {
    const row = this.#rowOf(place)
    row.requests += counts.requests ?? 0
    row.failed += counts.failed ?? 0
    row.inputTokens += counts.inputTokens ?? 0
    row.outputTokens += counts.outputTokens ?? 0
    row.cachedTokens += counts.cachedTokens ?? 0
    row.costNanos += counts.costNanos ?? 0
    row.unpriced += counts.unpriced ?? 0
  }

  /** Tells all there is; throws where the control plane does not take it. */
  tell(): Promise<void> {
    this.#telling ??= this.#tell().finally(() => {
      this.#telling = null
    })
    return this.#telling
  }

  async #tell(): Promise<void> {
    for (;;) {
      this.#report ??= this.#nextReport()
      if (this.#report === null) return
      await this.#ports.send(this.#report) // U1
      this.#report = null
    }
  }

  #nextReport(): UsageReport | null {
    const rows: UsageRow[] = []
    for (const [name, row] of this.#rows) {
      if (rows.length >= usageRowsMax) break
      rows.push(row)
      this.#rows.delete(name)
    }
    if (rows.length === 0) return null
    this.#sequence += 1
    return { gateway: this.#ports.gateway, sequence: this.#sequence, rows }
  }

  #rowOf(place: Place): Mutable {
    const now = this.#ports.nowMs()
    const hour = now - (now % hourMs)
    const { project, key, route, model } = place
    const name = `${project}\n${key}\n${route}\n${model}\n${hour}`
    const known = this.#rows.get(name)
    if (known !== undefined) return known
    if (this.#rows.size >= rowsMax && model !== 'other') {
      return this.#rowOf({ project, key: 'other', route: 'other', model: 'other' }) // U2
    }
    const row = { ...place, hourMs: hour, ...nothing }
    this.#rows.set(name, row)
    return row
  }
}

const nothing = {
  ...{ requests: 0, failed: 0, inputTokens: 0, outputTokens: 0, cachedTokens: 0 },
  ...{ costNanos: 0, unpriced: 0 },
}
