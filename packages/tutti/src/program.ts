// Program
//
// The command line as a whole: which commands there are, and how a failure is said.

import { Command } from 'commander'
import * as commands from './commands/index.ts'
import { readVersion } from './version.ts'

export function makeProgram(): Command {
  const program = new Command('tutti')
    .description('Orchestrates AI models on machines you do not control, as one system.')
    .version(readVersion())
    .showSuggestionAfterError()
    .showHelpAfterError('(tutti --help lists the commands)')
  for (const add of Object.values(commands)) add(program)
  return program
}

/** One line for people: what failed and why. */
export function describeError(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  const code = 'code' in error && typeof error.code === 'string' ? ` [${error.code}]` : ''
  return `${error.message}${code}`
}
