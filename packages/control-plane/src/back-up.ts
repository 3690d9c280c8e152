// Back up
//
// A control plane's state into a folder, while it works, and from there into a new control plane. What is
// restored is the log as it was then: where the old one went on, nodes refuse the restored one until somebody
// at the node accepts it (`tutti node --accept-log`).

import { existsSync } from 'node:fs'
import { readFile, rename, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { makeFolder, placeFolder } from '@tutti/machine'
import { Failure } from './failure.ts'
import {
  type BackupManifest,
  loadTables,
  openDatabase,
  placeBlobs,
  readBackup,
  type Sql,
  writeBackup,
} from './store/index.ts'

export interface BackupOptions {
  readonly dataFolder: string
  readonly databaseUrl?: string | undefined
  /** Further private files (credentials, a publisher's key) by name. */
  readonly privates: Readonly<Record<string, string>>
  readonly onProgress?: (what: string) => void
}

/** Writes a backup; the control plane may run and be written to meanwhile. */
export async function backUp(
  options: BackupOptions & { readonly version: string },
  folder: string,
): Promise<BackupManifest> {
  const { dataFolder, version } = options
  if (!existsSync(join(dataFolder, 'keys.json'))) {
    const message = `there is no control plane in ${dataFolder}: nothing to back up`
    throw new Failure('control-plane/backup-unusable', message)
  }
  const database = await openDatabase({ url: options.databaseUrl, dataFolder })
  try {
    const privates = { 'keys.json': join(dataFolder, 'keys.json'), ...options.privates }
    const source = { sql: database.sql, dataFolder, privates, version, nowMs: Date.now() }
    return await writeBackup(source, folder, options.onProgress ?? (() => {}))
  } finally {
    await database.stop()
  }
}

/** Makes a control plane of a backup where there is none; begun again, it goes on. */
export async function restore(options: BackupOptions, folder: string): Promise<BackupManifest> {
  const { dataFolder, databaseUrl } = options
  const backup = await readBackup(folder)
  const keys = join(dataFolder, 'keys.json')
  if (existsSync(keys)) {
    const message = `${dataFolder} holds a control plane already: restore to a new folder`
    throw new Failure('control-plane/backup-unusable', message)
  }
  makeFolder(dataFolder, 0o700)
  const database = await openDatabase({ url: databaseUrl, dataFolder, upTo: backup.migration })
  try {
    const [used] = await database.sql`select 1 from resource limit 1`
    if (used !== undefined) {
      const message = `the database (${database.describe}) is not empty: give a new one`
      throw new Failure('control-plane/backup-unusable', message)
    }
    await placeBlobs(folder, backup, dataFolder)
    await placePrivates(folder, backup, options)
    await loadTables(database.sql, folder, backup)
    await numberOn(database.sql)
  } finally {
    await database.stop()
  }
  await place(join(folder, 'private/keys.json'), keys) // last: from here on it is a control plane
  return backup
}

/**
 * Gateways refuse a snapshot older than the one they hold, and the lost control plane may have sent
 * some after the backup. Numbers began with the milliseconds of a clock and grow more slowly.
 */
async function numberOn(sql: Sql): Promise<void> {
  const [there] = await sql`select 1 from pg_sequences where sequencename = 'snapshot_number'`
  if (there === undefined) return // of an earlier schema: its migration begins with the clock
  await sql`
    select setval('snapshot_number', greatest(last_value, ${Date.now()}::bigint))
    from snapshot_number`
}

async function placePrivates(
  folder: string,
  backup: BackupManifest,
  { privates }: BackupOptions,
): Promise<void> {
  for (const [name, to] of Object.entries(privates)) {
    const from = backup.privates.find(({ path }) => path === `private/${name}`)
    if (from !== undefined && !existsSync(to)) await place(join(folder, from.path), to)
  }
}

async function place(from: string, to: string): Promise<void> {
  await placeFolder(dirname(to), 0o700)
  await writeFile(`${to}.new`, await readFile(from), { mode: 0o600 })
  await rename(`${to}.new`, to)
}
