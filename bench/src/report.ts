// Report
//
// What a bench prints: a table for people and, last, one JSON line for programs.

export interface Figure {
  readonly bench: string
  readonly metric: string
  readonly value: number
  readonly unit: string
  /** What it is compared with; the bound where there is no peer. */
  readonly peer: string
  /** Value over the peer's value. */
  readonly ratio: number
}

export function report(
  rows: readonly Readonly<Record<string, string | number>>[],
  figure: Figure,
): void {
  printTable(rows)
  process.stdout.write(`${JSON.stringify(figure)}\n`)
}

/** Columns are those of the first row. */
export function printTable(rows: readonly Readonly<Record<string, string | number>>[]): void {
  const columns = Object.keys(rows[0] ?? {})
  const cells = rows.map((row) => columns.map((column) => String(row[column] ?? '')))
  const widths = columns.map((column, i) =>
    Math.max(column.length, ...cells.map((row) => row[i]?.length ?? 0)),
  )
  for (const line of [columns, ...cells]) {
    process.stdout.write(
      `${line
        .map((cell, i) => cell.padEnd(widths[i] ?? 0))
        .join('  ')
        .trimEnd()}\n`,
    )
  }
}

/** A figure with three significant digits. */
export function round(value: number): number {
  return Number(value.toPrecision(3))
}
