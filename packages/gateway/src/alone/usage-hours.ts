// Usage hours
//
// What requests used, by hour, where no control plane keeps it: a file for each hour, counted and asked for as a
// control plane does.
//
// Invariants:
//   U1. A report counts once, however often it comes (core/routing/usage-hour.ts).
//   U3. What was taken is on disk; what could not be written is not counted, and may come again.
//   U4. Hours are forgotten after as long as a control plane forgets them, by the newest that was there before: a clock
//       that is wrong for an hour deletes nothing.
//   B4. Of those that share a folder by mistake the last that started counts; the others take nothing.

import { existsSync } from 'node:fs'
import { readdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import {
  emptyHour,
  hourWith,
  type UsageHour,
  type UsageQuestion,
  type UsageReport,
  type UsageSum,
  UsageSums,
  usageKeptMs,
} from '@tutti/core/routing'
import { readHour, writeHour } from './usage-hour-file.ts'

export interface UsageHoursPorts {
  readonly folder: string
  /** Throws where another has taken the accounts. */
  readonly assertHeld: () => void
  readonly nowMs: () => number
}

const askedMax = 8 // at once: each of them reads thousands of files
const askedOfProjectMax = 2 // so that no project keeps all others out

export interface UsageAsker {
  readonly project: string
  /** Aborted when nobody waits for it any more. */
  readonly signal: AbortSignal
}

export class UsageHours {
  readonly #ports: UsageHoursPorts
  /** As it is on disk, the one that was written last; written by `#take`. */
  #last: UsageHour | null = null
  /** One report is taken after the other; written by `take`. */
  #taking: Promise<void> = Promise.resolve()
  /** The project of each that is asked; written by `sum`. */
  readonly #asked: string[] = []

  constructor(ports: UsageHoursPorts) {
    this.#ports = ports
  }

  /** Throws where it cannot be kept: then it may come again. */
  take(report: UsageReport): Promise<void> {
    const taken = this.#taking.then(() => this.#take(report))
    this.#taking = taken.catch(() => {})
    return taken
  }

  /** What a project used; null where there are more rows than can be given. */
  async sum(question: UsageQuestion, asker: UsageAsker): Promise<readonly UsageSum[] | null> {
    const { project } = asker
    const ofProject = this.#asked.filter((one) => one === project).length
    if (this.#asked.length >= askedMax || ofProject >= askedOfProjectMax) {
      throw new Error('too many ask what was used: ask again')
    }
    this.#asked.push(project)
    try {
      return await this.#sum(question, asker)
    } finally {
      this.#asked.splice(this.#asked.indexOf(project), 1)
    }
  }

  async #sum(
    { by, sinceMs, untilMs }: UsageQuestion,
    { project, signal }: UsageAsker,
  ): Promise<readonly UsageSum[] | null> {
    const sums = new UsageSums(by)
    // Once, whatever else is left of its hour.
    for (const hourMs of new Set((await this.#names()).map(hourOfName))) {
      if (!(hourMs >= sinceMs && hourMs < untilMs)) continue
      signal.throwIfAborted()
      const hour = await readHour(this.#pathOf(hourMs))
      for (const row of hour?.rows.values() ?? []) if (row.project === project) sums.add(row)
      if (sums.isTooMany) break
    }
    return sums.rows()
  }

  async #take(report: UsageReport): Promise<void> {
    const oldestMs = this.#ports.nowMs() - usageKeptMs
    for (const hourMs of new Set(report.rows.map((row) => row.hourMs))) {
      if (hourMs < oldestMs) continue // U4
      this.#ports.assertHeld() // B4
      const path = this.#pathOf(hourMs)
      const known = this.#last?.hourMs === hourMs ? this.#last : await readHour(path)
      if (known === null) await this.#forget()
      const before = known ?? emptyHour(hourMs)
      const hour = hourWith(before, report)
      if (hour === before) continue
      await writeHour(path, hour) // U3
      this.#last = hour
    }
  }

  /** U4. Called before an hour that is new is written. */
  async #forget(): Promise<void> {
    const names = await this.#names()
    let newestMs = 0
    for (const name of names) newestMs = Math.max(newestMs, hourOfName(name) || 0)
    const oldestMs = Math.min(this.#ports.nowMs(), newestMs) - usageKeptMs
    const past = names.filter((name) => hourOfName(name) < oldestMs)
    // One that stays is looked for again an hour later.
    for (const name of past) await rm(join(this.#ports.folder, name)).catch(() => {})
  }

  /** All that stand there. */
  async #names(): Promise<readonly string[]> {
    const { folder } = this.#ports
    return existsSync(folder) ? await readdir(folder) : []
  }

  #pathOf(hourMs: number): string {
    return join(this.#ports.folder, `${new Date(hourMs).toISOString().slice(0, 13)}${suffix}`)
  }
}

const suffix = '.jsonl'

/**
 * When it began, of `2026-01-02T03.jsonl` or what is left of one that was not written; not a
 * number for what is no hour.
 */
function hourOfName(name: string): number {
  const { length } = '2026-01-02T03'
  const isHour = name.slice(length).startsWith(suffix)
  return isHour ? Date.parse(`${name.slice(0, length)}:00:00Z`) : Number.NaN
}
