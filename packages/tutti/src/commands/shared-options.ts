// Shared options
//
// The options that every command takes, and how a command gets at them.

import type { Command } from 'commander'
import type { HomeOptions } from '../home/index.ts'

export interface SharedOptions extends HomeOptions {
  readonly json?: boolean
}

/** Adds them to a command. */
export function withShared(command: Command): Command {
  return command
    .option('--home <folder>', 'folder of keys and settings (TUTTI_HOME, default ~/.tutti)')
    .option('--url <url>', 'control plane (TUTTI_URL)')
    .option('--key <secret>', 'API key (TUTTI_KEY)')
    .option('-p, --project <name>', 'project (TUTTI_PROJECT, default: default)')
    .option('--json', 'print JSON')
}

/** Adds examples below a command's help. */
export function withExamples(command: Command, ...examples: readonly string[]): Command {
  return command.addHelpText(
    'after',
    `\nExamples:\n${examples.map((line) => `  ${line}`).join('\n')}`,
  )
}
