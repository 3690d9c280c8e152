// Which commands there are, and what is loaded for each.

import { expect, test } from 'vitest'
import { makeProgram } from './program.ts'

test('each command comes as it is without the others', async () => {
  const all = await makeProgram()
  for (const command of all.commands) {
    const own = await makeProgram(command.name())
    const same = own.commands.find((one) => one.name() === command.name())
    expect(same?.helpInformation()).toBe(command.helpInformation())
    expect(own.commands.length).toBeLessThan(6)
  }
  expect(all.commands.length).toBeGreaterThan(20)
})

test('what is no command is told with all that are', async () => {
  const names = (await makeProgram('aply')).commands.map((one) => one.name())
  expect(names).toEqual((await makeProgram()).commands.map((one) => one.name()))
})

test('what is missing is told with how the command goes', async () => {
  const program = await makeProgram('workflow')
  let told = ''
  const writeErr = (text: string) => {
    told += text
  }
  const answer = program.commands[0]?.commands.find((one) => one.name() === 'answer')
  answer?.exitOverride().configureOutput({ writeErr })
  await expect(program.parseAsync(['workflow', 'answer', 'r'], { from: 'user' })).rejects.toThrow()
  expect(told).toContain('usage: tutti workflow answer [options] <run> <key> <json>')
  expect(told).toContain('tutti workflow answer --help')
})
