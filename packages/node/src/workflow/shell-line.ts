// Shell line
//
// What a shell is given: the command, and its arguments as `$1`, `$2` and so on. The specification's own examples name them in the
// command; one that names none gets them at its end, as a program's.

const namesArguments = /\$(?:[1-9@*#]|\{[1-9@*#])/

export function shellLine(text: string, words: readonly string[]): string {
  const isPlain = words.length > 0 && !namesArguments.test(text)
  return isPlain ? `${text.trimEnd()} "$@"` : text
}
