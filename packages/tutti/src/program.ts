// Program
//
// The command line as a whole: which commands there are, and how a failure is said.

import { Command } from 'commander'
import { readVersion } from './version.ts'

/** All commands; for one that starts processes or is one, no more than it needs. */
export async function makeProgram(name = ''): Promise<Command> {
  const commands = await commandsFor(name)
  const program = new Command('tutti')
    .description('Orchestrates AI models on machines you do not control, as one system.')
    .version(readVersion())
    .showSuggestionAfterError()
    .showHelpAfterError('(tutti --help lists the commands)')
  for (const add of Object.values(commands)) add(program)
  return program
}

/** A start waits for nothing that it does not use, and what runs for weeks holds nothing else. */
async function commandsFor(name: string): Promise<Record<string, (program: Command) => void>> {
  switch (name) {
    case 'up':
      return await import('./commands/up.ts')
    case 'gateway':
      return await import('./commands/gateway.ts')
    case 'control-plane':
    case 'node':
    case 'join':
      return await import('./commands/processes.ts')
    default:
      return await import('./commands/index.ts')
  }
}
