// Every verb of `tutti workflow` says how it is used, by an example that names it.

import { Command } from 'commander'
import { expect, test } from 'vitest'
import { addWorkflow } from './workflow.ts'

const program = new Command('tutti')
addWorkflow(program)
const [workflow] = program.commands
const verbs = workflow?.commands.map((command) => ({ verb: command.name(), command })) ?? []

test.each(verbs)('$verb', ({ verb, command }) => {
  let help = ''
  command.configureOutput({ writeOut: (text) => (help += text) })
  command.outputHelp()
  expect(help).toMatch(new RegExp(`Examples:\\n  tutti workflow ${verb}\\b`))
  if (verb !== 'graph') expect(help).toContain('--json') // which draws, and says nothing else
})

test('there are verbs', () => {
  expect(verbs.length).toBeGreaterThan(15)
})
