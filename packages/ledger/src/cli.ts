#!/usr/bin/env node
// The program `tutti-ledger`.

import { runCli } from './command/index.ts'

process.exitCode = await runCli(process.argv.slice(2), {
  print: (text) => process.stdout.write(text),
  complain: (text) => process.stderr.write(text),
})
