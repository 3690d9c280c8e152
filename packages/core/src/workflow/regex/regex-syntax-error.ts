// Regex syntax error

/** The text is no regular expression that we know. */
export class RegexSyntaxError extends Error {
  override readonly name = 'RegexSyntaxError'
}
