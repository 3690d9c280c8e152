// tutti-ledger check-proof: checks what `tutti-ledger prove` printed.

import { readFile } from 'node:fs/promises'
import { checkEntryProof } from '../export/index.ts'
import { parseVerifierKey } from '../note/index.ts'
import { type ExitCode, type Output, printable } from './output.ts'

export async function runCheckProof(
  file: string,
  { vkey }: { readonly vkey: string },
  output: Output,
): Promise<ExitCode> {
  const verdict = checkEntryProof(await readFile(file, 'utf8'), parseVerifierKey(vkey))
  if (!verdict.ok) {
    output.complain(`not ok: expected a proof for the log ${vkey}, got: ${verdict.reason}\n`)
    return 1
  }
  const { checkpoint, index, body } = verdict
  output.print(`ok: entry ${index} of ${checkpoint.size} in ${printable(checkpoint.origin)}\n`)
  output.print(body === null ? 'its body was erased\n' : `${printable(body)}\n`)
  return 0
}
