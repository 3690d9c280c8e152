// Numbers that commands are given: said wrong before anything is started or sent.

import { expect, test } from 'vitest'
import { makeProgram } from '../program.ts'

test.each([
  ['gateway --drain 0', '--drain: expected 1 to 86400, got 0'],
  ['gateway --drain 86401', '--drain: expected 1 to 86400, got 86401'],
  ['gateway --drain 2147484', '--drain: expected 1 to 86400, got 2147484'],
  ['gateway --drain 8s', '--drain: expected 1 to 86400, got 8s'],
  ['gateway --workers 2 --drain 0', '--drain: expected 1 to 86400, got 0'],
  ['gateway --workers 1e3', '--workers: expected a whole number from 1 on, got 1e3'],
  [
    'key create app --requests-per-minute 0',
    '--requests-per-minute: expected a whole number from 1 on, got 0',
  ],
  [
    'key create app --tokens-per-minute 0x10',
    '--tokens-per-minute: expected a whole number from 1 on, got 0x10',
  ],
  [
    'key create app --concurrent 99999999999999999999',
    '--concurrent: expected a whole number from 1 on, got 99999999999999999999',
  ],
])('tutti %s: %s', async (line, message) => {
  const words = line.split(' ')
  const program = await makeProgram(words[0])
  const known = ['--home', '/nonexistent', '--url', 'http://127.0.0.1:1', '--key', 'k']
  const run = program.parseAsync([...words, ...known], { from: 'user' })
  await expect(run).rejects.toMatchObject({ code: 'tutti/argument-invalid', message })
})
