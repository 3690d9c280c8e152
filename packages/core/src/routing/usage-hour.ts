// Usage hour
//
// What requests used in one hour, where no database adds it up: which reports are in it, and its rows.
//
// Invariants:
//   U1. A report counts once in each hour that it tells of, however often it comes: an hour knows its reports, and is
//       forgotten with them.
//   U2. An hour has at most `hourRowsMax` rows and those named `other`, one of each project.

import {
  addUsage,
  noAmounts,
  otherPlace,
  type UsagePlace,
  type UsageReport,
  type UsageRow,
} from './usage-report.ts'

export interface UsageHour {
  readonly hourMs: number
  /** The number of each gateway's last report that tells of it. */
  readonly told: ReadonlyMap<string, number>
  /** By place. */
  readonly rows: ReadonlyMap<string, UsageRow>
}

const hourRowsMax = 10_000 // two megabytes, which are written whole

export function emptyHour(hourMs: number): UsageHour {
  return { hourMs, told: new Map(), rows: new Map() }
}

/** As it was kept. */
export function hourOf(
  hourMs: number,
  told: readonly (readonly [gateway: string, sequence: number])[],
  rows: readonly UsageRow[],
): UsageHour {
  return { hourMs, told: new Map(told), rows: new Map(rows.map((row) => [nameOf(row), row])) }
}

/** The hour with what a report tells of it; the same one where that is in it already. */
export function hourWith(hour: UsageHour, report: UsageReport): UsageHour {
  const { gateway, sequence } = report
  if ((hour.told.get(gateway) ?? 0) >= sequence) return hour // U1
  const rows = new Map(hour.rows)
  for (const row of report.rows) {
    if (row.hourMs !== hour.hourMs) continue
    const place = isPlaced(rows, row) ? placeOf(row) : otherPlace(row.project) // U2
    const name = nameOf(place)
    const sum = { ...place, hourMs: hour.hourMs, ...noAmounts, ...rows.get(name) }
    addUsage(sum, row)
    rows.set(name, sum)
  }
  return { hourMs: hour.hourMs, told: new Map(hour.told).set(gateway, sequence), rows }
}

function isPlaced(rows: UsageHour['rows'], row: UsageRow): boolean {
  return rows.size < hourRowsMax || rows.has(nameOf(row))
}

function placeOf({ project, key, route, model }: UsagePlace): UsagePlace {
  return { project, key, route, model }
}

function nameOf({ project, key, route, model }: UsagePlace): string {
  return JSON.stringify([project, key, route, model])
}
