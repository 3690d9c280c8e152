// The command line: from words to a command, and from every error to a sentence and an exit code.

import { stat } from 'node:fs/promises'
import { parseArgs } from 'node:util'
import { LedgerFailure } from '../failure.ts'
import { decodeDecimal } from '../text.ts'
import { runCheckProof } from './check-proof.ts'
import type { ExitCode, Output } from './output.ts'
import { runProve } from './prove.ts'
import { UsageError, usage } from './usage.ts'
import { runVerify } from './verify.ts'

/** Runs one command line, program name left off, to its exit code. */
export async function runCli(words: readonly string[], output: Output): Promise<ExitCode> {
  try {
    return await dispatch(words, output)
  } catch (error) {
    if (error instanceof UsageError || isBadOption(error)) {
      output.complain(`${error.message}\n\n${usage}`)
      return 2
    }
    if (error instanceof LedgerFailure) {
      output.complain(`${error.message} (${error.code})\n`)
      return 2
    }
    if (isDiskError(error)) {
      output.complain(`${error.message}\n`)
      return 2
    }
    throw error
  }
}

async function dispatch(words: readonly string[], output: Output): Promise<ExitCode> {
  const { values, positionals } = parseArgs({
    args: [...words],
    allowPositionals: true,
    options: {
      vkey: { type: 'string' },
      witness: { type: 'string', multiple: true },
      since: { type: 'string' },
      json: { type: 'boolean' },
      help: { type: 'boolean', short: 'h' },
    },
  })
  if (values.help === true) {
    output.print(usage)
    return 0
  }
  const [command, ...operands] = positionals
  switch (command) {
    case 'verify': {
      allow(command, values, ['vkey', 'witness', 'since', 'json'])
      const [folder = ''] = expectOperands(command, operands, 'DIR')
      await expectFolder(command, folder)
      const { vkey = null, witness: witnesses = [], since = null, json = false } = values
      return runVerify({ folder, vkey, witnesses, since, json }, output)
    }
    case 'prove': {
      allow(command, values, [])
      const [folder = '', index = ''] = expectOperands(command, operands, 'DIR INDEX')
      const entry = parseIndex(index)
      await expectFolder(command, folder)
      return runProve(folder, entry, output)
    }
    case 'check-proof': {
      allow(command, values, ['vkey'])
      const [file = ''] = expectOperands(command, operands, 'FILE')
      if (values.vkey === undefined) throw new UsageError('check-proof: expected --vkey KEY')
      return runCheckProof(file, { vkey: values.vkey }, output)
    }
    default:
      throw new UsageError(`expected verify, prove or check-proof, got ${command ?? 'no command'}`)
  }
}

function allow(command: string, values: object, allowed: readonly string[]): void {
  const other = Object.keys(values).find((name) => !allowed.includes(name))
  if (other !== undefined) throw new UsageError(`${command} does not take --${other}`)
}

/** The operands, exactly as many as are named. */
function expectOperands(command: string, operands: readonly string[], names: string): string[] {
  const expected = names.split(' ').length
  if (operands.length === expected) return [...operands]
  throw new UsageError(`${command}: expected ${names}, got ${operands.length} operands`)
}

/** A mistyped folder is not a damaged export. */
async function expectFolder(command: string, folder: string): Promise<void> {
  const found = await stat(folder).catch(() => null)
  if (found?.isDirectory() === true) return
  throw new UsageError(`${command}: expected the folder of an export, got ${folder}`)
}

function parseIndex(text: string): number {
  const index = decodeDecimal(text)
  if (index === null) throw new UsageError(`prove: expected an index such as 41, got ${text}`)
  return index
}

function isBadOption(error: unknown): error is Error {
  return (
    error instanceof TypeError && 'code' in error && `${error.code}`.startsWith('ERR_PARSE_ARGS')
  )
}

/** Errors of the system itself have an errno name as their code: a file that is not there, say. */
function isDiskError(error: unknown): error is Error {
  return error instanceof Error && 'syscall' in error
}
