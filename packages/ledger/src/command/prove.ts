// tutti-ledger prove: prints a proof of one entry that needs nothing else to be checked.

import { proveEntry } from '../export/index.ts'
import type { ExitCode, Output } from './output.ts'

export async function runProve(folder: string, index: number, output: Output): Promise<ExitCode> {
  const proved = await proveEntry(folder, index)
  if (proved.ok) {
    output.print(proved.text)
    return 0
  }
  output.complain(
    `expected a sound export, got one that cannot prove entry ${index}: ${proved.reason}; ` +
      `run tutti-ledger verify ${folder} to see what is wrong\n`,
  )
  return 1
}
