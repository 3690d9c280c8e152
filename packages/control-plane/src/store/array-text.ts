// Array text
//
// Many rows as one statement's parameters: an array for each column, as Postgres reads arrays from text
// (PostgreSQL manual, 8.15.2 and 8.15.6). The driver would escape each element with regular expressions.

/** Text without control characters: what is JSON has none, and neither has a name. */
export type Cell = string | number | boolean

/** `$1::int[], …`: parameters for `unnest`, in the order of the columns. */
export function arrayParameters(columns: Readonly<Record<string, string>>): string {
  return Object.values(columns)
    .map((type, index) => `$${index + 1}::${type}[]`)
    .join(', ')
}

/**
 * One column. JSON quotes strings as arrays do, but for control characters and lone surrogates, of
 * which an array would read the letter that JSON names them by.
 */
export function arrayText(cells: readonly Cell[]): string {
  return `{${JSON.stringify(cells).slice(1, -1)}}`
}

/** Bytes as `bytea` reads them. */
export function hexBytes(bytes: Uint8Array): string {
  const { buffer, byteOffset, byteLength } = bytes
  return `\\x${Buffer.from(buffer, byteOffset, byteLength).toString('hex')}`
}
