// Output: what a command needs from its surroundings, and how it ends.

export interface Output {
  readonly print: (text: string) => void
  readonly complain: (text: string) => void
}

/** 0: all is well. 1: something was found. 2: the command could not be carried out as asked. */
export type ExitCode = 0 | 1 | 2

/** Text from an export, made safe for a terminal: its control characters do nothing any more. */
export function printable(text: string): string {
  return text.replaceAll(/\p{Cc}/gu, (control) => {
    const code = control.codePointAt(0) ?? 0
    return `\\u${code.toString(16).padStart(4, '0')}`
  })
}
