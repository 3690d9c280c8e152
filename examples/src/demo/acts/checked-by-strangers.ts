// Act 6: the whole log is verified offline from an export; one flipped byte anywhere is found.

import { cpSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { verifyExport } from '@tutti/ledger'
import { command, figure, must, type Stage } from '../stage.ts'

const flips = 60

export async function checkedByStrangers(stage: Stage): Promise<void> {
  const folder = join(stage.folder, 'log')
  const exported = await command(stage, 'ledger', 'export', folder)
  must(exported.status === 0, 'the log could not be exported')
  const { ledger } = await stage.fleet.client.whoami()
  const verified = await command(stage, 'ledger', 'verify', folder, '--vkey', ledger)
  must(verified.status === 0, 'the export does not verify')

  const forged = join(stage.folder, 'forged')
  cpSync(folder, forged, { recursive: true })
  const files = filesIn(forged)
  for (let i = 0; i < flips; i++) {
    const path = files[i % files.length] ?? ''
    const bytes = readFileSync(path)
    const at = Math.floor((i * 0.618_034 * bytes.length) % bytes.length) // spread over the file
    const flipped = Buffer.from(bytes)
    flipped[at] = (bytes[at] ?? 0) ^ (1 << (i % 8))
    writeFileSync(path, flipped)
    const report = await verifyExport(forged, { vkey: ledger })
    must(!report.ok, `byte ${at} of ${path} was flipped and not found`)
    writeFileSync(path, bytes)
  }
  must((await verifyExport(forged, { vkey: ledger })).ok, 'the mended copy does not verify')
  figure(`verified offline; ${flips} of ${flips} flipped bits found, over ${files.length} files`)
}

function filesIn(folder: string): string[] {
  return readdirSync(folder).flatMap((name) => {
    const path = join(folder, name)
    return statSync(path).isDirectory() ? filesIn(path) : [path]
  })
}
