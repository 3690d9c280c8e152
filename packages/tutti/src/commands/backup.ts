// tutti backup, restore: a control plane into a folder and back.

import { join } from 'node:path'
import type { Command } from 'commander'
import { homeFolder, print, printJson } from '../home/index.ts'
import { readVersion } from '../version.ts'
import { databaseUrlOf } from './option-values.ts'
import { type SharedOptions, withExamples, withShared } from './shared-options.ts'

interface BackupCommand extends SharedOptions {
  readonly databaseUrl?: string
}

const databaseHelp = 'the Postgres of the control plane (DATABASE_URL); default: the embedded one'

export function addBackup(program: Command): void {
  const command = withShared(program.command('backup'))
    .argument('<folder>', 'new folder; it will hold private keys')
    .option('--database-url <url>', databaseHelp)
    .description('write the control plane of this machine to a folder, while it works')
  withExamples(command, 'tutti backup /mnt/backups/2026-11-21')
  command.action(async (folder: string, options: BackupCommand) => {
    const { backUp } = await import('@tutti/control-plane')
    const written = await backUp({ ...sourceOf(options), version: readVersion() }, folder)
    if (options.json === true) return printJson({ folder, ...countsOf(written) })
    const { tables, blobs, logSize } = countsOf(written)
    print(`${folder}: ${tables} tables, ${blobs} blobs, a log of ${logSize} records`)
    print('it holds private keys: keep it as you keep them')
  })
}

export function addRestore(program: Command): void {
  const command = withShared(program.command('restore'))
    .argument('<folder>', 'as tutti backup has written it')
    .option('--database-url <url>', databaseHelp.replace('the Postgres', 'an empty Postgres'))
    .description('make a control plane of a backup, where there is none')
  withExamples(command, 'tutti restore /mnt/backups/2026-11-21', 'tutti up')
  command.action(async (folder: string, options: BackupCommand) => {
    const { restore } = await import('@tutti/control-plane')
    const backup = await restore(sourceOf(options), folder)
    if (options.json === true) return printJson({ folder, ...countsOf(backup) })
    const { logSize } = countsOf(backup)
    print(`restored to ${homeFolder(options)}: a log of ${logSize} records; start it with tutti up`)
    print('the old one must not run any more: two logs under one key are a fork')
    print('a node that has seen a longer log refuses this one until tutti node --accept-log')
  })
}

function sourceOf(options: BackupCommand) {
  const home = homeFolder(options)
  const names = ['credentials.json', 'publisher.pem', 'approval.pem']
  return {
    dataFolder: join(home, 'control-plane'),
    databaseUrl: databaseUrlOf(options.databaseUrl),
    privates: Object.fromEntries(names.map((name) => [name, join(home, name)])),
    onProgress: progressOf(options),
  }
}

/** Tells people at a terminal that it goes on. */
function progressOf({ json }: BackupCommand): (what: string) => void {
  return (what) => {
    if (json !== true && process.stderr.isTTY) process.stderr.write(`\r\u001b[K${what}\r`)
  }
}

function countsOf(backup: {
  readonly tables: readonly unknown[]
  readonly blobs: readonly unknown[]
  readonly logSize: number
}) {
  const { tables, blobs, logSize } = backup
  return { tables: tables.length, blobs: blobs.length, logSize }
}
