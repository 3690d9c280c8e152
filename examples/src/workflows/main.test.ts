// The command that people begin with: it lists the examples, and prints one that can be declared. Runs what was built.

import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { prepareWorkflow } from '@tutti/core/workflow'
import { expect, test } from 'vitest'
import { cases } from './cases.ts'

const main = fileURLToPath(new URL('../../dist/workflows/main.js', import.meta.url))
const run = (...args: string[]) =>
  spawnSync(process.execPath, [main, ...args], { encoding: 'utf8' })

test('it lists what there is, and an unknown name is an error', () => {
  const listed = run()
  expect(listed.status).toBe(0)
  for (const name of Object.keys(cases)) expect(listed.stdout).toContain(`  ${name} `)
  expect(run('lone').status).toBe(1)
})

test('a printed document can be declared', () => {
  expect(prepareWorkflow(JSON.parse(run('quality', '--print').stdout)).ok).toBe(true)
})
