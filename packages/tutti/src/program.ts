// Program
//
// The command line as a whole: which commands there are, and how a failure is said.

import { Command } from 'commander'
import { readVersion } from './version.ts'

/** The one of this name; all of them where there is none, as for help. */
export async function makeProgram(name = ''): Promise<Command> {
  const commands = await commandsFor(name)
  const program = new Command('tutti')
    .description('Orchestrates AI models on machines you do not control, as one system.')
    .version(readVersion())
    .showSuggestionAfterError()
    .showHelpAfterError('(tutti --help lists the commands)')
  for (const add of Object.values(commands)) add(program)
  for (const command of program.commands) explainErrors(command, program.name())
  return program
}

/** What is wrong with the words of a command is told with how they go, and where there is more. */
function explainErrors(command: Command, above: string): void {
  const path = `${above} ${command.name()}`
  command.showHelpAfterError(`usage: ${path} ${command.usage()}\n(${path} --help says more)`)
  for (const one of command.commands) explainErrors(one, path)
}

type Commands = Record<string, (program: Command) => void>

/** A start waits for nothing that it does not use, and what runs for weeks holds nothing else. */
const files: readonly { readonly names: string; readonly load: () => Promise<Commands> }[] = [
  { names: 'apply delete diff', load: () => import('./commands/apply.ts') },
  { names: 'approve reject token', load: () => import('./commands/governance.ts') },
  { names: 'backup restore', load: () => import('./commands/backup.ts') },
  { names: 'control-plane join node whoami', load: () => import('./commands/processes.ts') },
  { names: 'comparisons', load: () => import('./commands/comparisons.ts') },
  { names: 'cordon uncordon', load: () => import('./commands/cordon.ts') },
  { names: 'describe get top', load: () => import('./commands/get.ts') },
  { names: 'gateway', load: () => import('./commands/gateway.ts') },
  { names: 'key', load: () => import('./commands/key.ts') },
  { names: 'ledger', load: () => import('./commands/ledger.ts') },
  { names: 'logs', load: () => import('./commands/logs.ts') },
  { names: 'up', load: () => import('./commands/up.ts') },
  { names: 'model', load: () => import('./commands/model.ts') },
  { names: 'requests', load: () => import('./commands/requests.ts') },
  { names: 'rollout', load: () => import('./commands/rollout.ts') },
  { names: 'usage', load: () => import('./commands/usage.ts') },
  { names: 'workflow', load: () => import('./commands/workflow.ts') },
]

async function commandsFor(name: string): Promise<Commands> {
  const file = files.find(({ names }) => names.split(' ').includes(name))
  return await (file?.load() ?? import('./commands/index.ts'))
}
