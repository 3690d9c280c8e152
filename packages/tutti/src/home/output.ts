// Output
//
// What commands print: tables and sentences for people, JSON for programs.

export type Row = Readonly<Record<string, string>>

/** A table with a heading line; columns as wide as their widest cell. Without rows, `none`. */
export function formatTable(columns: readonly string[], rows: readonly Row[]): string {
  if (rows.length === 0) return 'none'
  const widths = columns.map((column) =>
    rows.reduce((width, row) => Math.max(width, row[column]?.length ?? 0), column.length),
  )
  const line = (cells: readonly string[]) =>
    cells
      .map((cell, i) => cell.padEnd(widths[i] ?? 0))
      .join('   ')
      .trimEnd()
  return [
    line(columns),
    ...rows.map((row) => line(columns.map((column) => row[column] ?? ''))),
  ].join('\n')
}

export function print(text: string): void {
  process.stdout.write(`${text}\n`)
}

let isServing = false

/** From now on this process goes on whoever reads what it prints. */
export function serveOn(): void {
  isServing = true
}

/**
 * Of whoever has read enough (`| head`), and of a disk without room for what is printed: a command
 * ends, and what serves goes on.
 */
export function heedReaders(): void {
  process.stderr.on('error', () => {}) // there is nobody whom it could be told
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (isServing) return
    if (error.code === 'EPIPE') process.exit(0)
    process.stderr.write(`tutti: what was asked for cannot be printed: ${error.message}\n`)
    process.exit(1)
  })
}

export function printJson(value: unknown): void {
  print(JSON.stringify(value, null, 2))
}

/** How long ago, in the two figures that matter: `5s`, `12m`, `3h`, `4d`. */
export function formatAge(ms: number): string {
  const seconds = Math.max(0, Math.floor(ms / 1000))
  if (seconds < 120) return `${seconds}s`
  if (seconds < 7_200) return `${Math.floor(seconds / 60)}m`
  if (seconds < 172_800) return `${Math.floor(seconds / 3600)}h`
  return `${Math.floor(seconds / 86_400)}d`
}
