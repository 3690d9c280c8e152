#!/usr/bin/env node
import { heedProxies } from './home/index.ts'
import { describeError, makeProgram } from './program.ts'

try {
  await heedProxies(process.argv[2])
  const program = await makeProgram(process.argv[2])
  await program.parseAsync()
} catch (error) {
  const text = describeError(error)
  process.stderr.write(`tutti: ${text}\n`)
  process.exitCode = 1
  if (process.send !== undefined) process.send({ failed: text }, () => process.exit(1))
}
