// Syntax error
//
// An expression that is no jq: what was found, and where.

/** Thrown inside parser and compiler; `compileJq` turns it into a returned refusal. */
export class JqSyntaxError extends Error {
  override readonly name = 'JqSyntaxError'
  /** Index into the source. */
  readonly at: number

  constructor(message: string, at: number) {
    super(message)
    this.at = at
  }
}

/** `line 1, column 3` of an index into the source. */
export function placeOf(source: string, at: number): string {
  const before = source.slice(0, at)
  const line = before.split('\n').length
  return `line ${line}, column ${at - before.lastIndexOf('\n')}`
}
