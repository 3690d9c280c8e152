// tutti ledger: export, verify, prove. Verification needs no control plane, only the export.

import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { exportLog, type Leaf, verifyExport } from '@tutti/ledger'
import type { Client } from '@tutti/sdk'
import type { Command } from 'commander'
import { Failure } from '../failure.ts'
import { clientOf, print, printJson } from '../home/index.ts'
import { type SharedOptions, withExamples, withShared } from './shared-options.ts'

export function addLedger(program: Command): void {
  const group = program.command('ledger').description('export, verify and prove the log of changes')
  const exporting = withShared(group.command('export'))
    .argument('<folder>', 'new or empty folder')
    .description('write the whole log to a folder that anybody can verify')
  withExamples(exporting, 'tutti ledger export ./log')
  exporting.action(async (folder: string, options: SharedOptions) => {
    const { size, withheld } = await exportTo(clientOf(options), folder)
    if (options.json === true) return printJson({ folder, size, withheld })
    print(`${size} records in ${folder}; verify them with tutti ledger verify ${folder}`)
    if (withheld > 0) print(`${withheld} of them without contents: this key may not read those`)
  })
  const verify = withShared(group.command('verify'))
    .argument('[folder]', 'an export; default: the control plane’s log as it is now')
    .option('--vkey <key>', 'verifier key that the log must have')
    .description('verify every record, hash and signature of a log, offline')
  withExamples(verify, 'tutti ledger verify ./log --vkey KEY', 'tutti ledger verify')
  verify.action(async (folder: string | undefined, options: VerifyOptions) => {
    if (folder !== undefined) return await verifyFolder(folder, options.vkey, options)
    const client = clientOf(options)
    const temporary = mkdtempSync(join(tmpdir(), 'tutti-ledger-'))
    try {
      await exportTo(client, join(temporary, 'log'))
      const { ledger } = await client.whoami()
      await verifyFolder(join(temporary, 'log'), options.vkey ?? ledger, options)
    } finally {
      rmSync(temporary, { recursive: true, force: true })
    }
  })
  const prove = withShared(group.command('prove'))
    .argument('<resource>', 'Kind/project/name, e.g. Deployment/default/parts')
    .description('print the newest record of a resource with its proof')
  withExamples(prove, 'tutti ledger prove Deployment/default/parts')
  prove.action(async (resource: string, options: SharedOptions) => {
    printJson(await clientOf(options).proveRecord(resource))
  })
}

interface VerifyOptions extends SharedOptions {
  readonly vkey?: string
}

interface Exported {
  readonly size: number
  /** Records whose contents the key may not read: their commitments are there. */
  readonly withheld: number
}

async function exportTo(client: Client, folder: string): Promise<Exported> {
  const { checkpoint, keys, size } = await client.checkpoint()
  let withheld = 0
  const onWithheld = () => {
    withheld += 1
  }
  await exportLog(folder, { checkpoint, keys, leaves: leavesOf(client, size, onWithheld) })
  return { size, withheld }
}

async function* leavesOf(
  client: Client,
  size: number,
  onWithheld: () => void,
): AsyncGenerator<Leaf> {
  for (let from = 0; from < size; ) {
    const page = await client.ledgerEntries(from, size)
    if (page.length === 0) {
      const message = `the control plane gave ${from} of ${size} records`
      throw new Failure('tutti/verification-failed', message)
    }
    for (const { entry, salt, body, withheld } of page) {
      const bytes = Buffer.from(entry, 'base64')
      if (withheld === true) onWithheld()
      yield salt === undefined || body === undefined
        ? { entry: bytes, erased: true }
        : { entry: bytes, salt: Buffer.from(salt, 'base64'), body }
    }
    from += page.length
  }
}

async function verifyFolder(
  folder: string,
  vkey: string | undefined,
  options: SharedOptions,
): Promise<void> {
  const report = await verifyExport(folder, vkey === undefined ? {} : { vkey })
  if (options.json === true) {
    const { ok, pinned, findings } = report
    const { size = null, erased = null } = report.log ?? {}
    printJson({ ok, pinned, size, erased, findings })
  } else if (report.ok) {
    const pinned = report.pinned ? '' : ' (by its own key: pin one with --vkey)'
    const { size = 0, erased = 0 } = report.log ?? {}
    const closed = erased === 0 ? '' : `, ${erased} of them without contents`
    print(`ok: ${size} records${closed}, every one in the signed tree${pinned}`)
  } else {
    for (const { file, index, code, detail } of report.findings) {
      print(`${file}${index === null ? '' : ` record ${index}`}: ${code}: ${detail}`)
    }
  }
  if (!report.ok) process.exitCode = 1
}
