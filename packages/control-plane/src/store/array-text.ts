// Array text
//
// Many rows as one statement's parameters: an array for each column, as Postgres reads arrays from text
// (PostgreSQL manual, 8.15.2 and 8.15.6). The driver would escape each element with regular expressions.

/** Text without control characters: what is JSON has none, and neither has a name. */
export type Cell = string | number | boolean | null

/** `$1::int[], …`: parameters for `unnest` from the first one on, in the order of the columns. */
export function arrayParameters(columns: Readonly<Record<string, string>>, first = 1): string {
  return Object.values(columns)
    .map((type, index) => `$${first + index}::${type}[]`)
    .join(', ')
}

/**
 * One column. JSON quotes strings as arrays do, but for control characters and lone surrogates, of
 * which an array would read the letter that JSON names them by.
 */
export function arrayText(cells: readonly Cell[]): string {
  return `{${JSON.stringify(cells).slice(1, -1)}}`
}

/** One column of texts that may hold control characters; slower than `arrayText`. */
export function freeArrayText(cells: readonly (string | null)[]): string {
  const quoted = (cell: string) => `"${cell.replace(/["\\]/g, '\\$&')}"`
  return `{${cells.map((cell) => (cell === null ? 'NULL' : quoted(cell))).join()}}`
}

/** Bytes as `bytea` reads them. */
export function hexBytes(bytes: Uint8Array): string {
  const { buffer, byteOffset, byteLength } = bytes
  return `\\x${Buffer.from(buffer, byteOffset, byteLength).toString('hex')}`
}
