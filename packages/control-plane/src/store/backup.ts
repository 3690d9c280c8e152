// Backup
//
// A control plane in a folder: every table as one moment saw it, every blob that they name, and the private
// files without which they are worth nothing. Taken while it works; it is there whole or not at all.
//
// Tables are lines of JSON as Postgres itself writes and reads rows, so that a backup goes into any Postgres;
// the manifest holds a digest of every file, and the number of the migration that the tables belong to.

import { createHash } from 'node:crypto'
import { createReadStream, createWriteStream } from 'node:fs'
import { copyFile, link, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { createInterface } from 'node:readline'
import { pipeline } from 'node:stream/promises'
import { makeFolder, placeFolder } from '@tutti/machine'
import { z } from 'zod'
import { Failure } from '../failure.ts'
import type { Query, Sql, TransactionSql } from './database.ts'

const pageRows = 200 // a row may hold a spec of some hundred KB
const batchChars = 2_000_000

const file = z.strictObject({ path: z.string(), digest: z.string(), sizeBytes: z.int() })

const manifest = z.strictObject({
  format: z.literal('tutti/backup/v1'),
  /** Of the Tutti that wrote it. */
  version: z.string(),
  atMs: z.number(),
  /** Number of the last migration of the tables. */
  migration: z.int().min(1),
  /** Tree size of the log's newest checkpoint. */
  logSize: z.int().min(0),
  /** In an order in which they can be filled: what is referred to comes first. */
  tables: z.array(file.extend({ name: z.string() })),
  sequences: z.record(z.string(), z.string()),
  blobs: z.array(file),
  privates: z.array(file),
})
export type BackupManifest = z.infer<typeof manifest>
type BackupFile = z.infer<typeof file>

export interface BackupSource {
  readonly sql: Sql
  readonly dataFolder: string
  /** Keys and credentials, by the name that they have in the backup. */
  readonly privates: Readonly<Record<string, string>>
  readonly version: string
  readonly nowMs: number
}

/** Writes a backup to `folder`, which must not be there yet. */
export async function writeBackup(
  source: BackupSource,
  folder: string,
  onProgress: (what: string) => void,
): Promise<BackupManifest> {
  if (await isThere(folder)) {
    throw new Failure('control-plane/backup-unusable', `${folder} is there already: name a new one`)
  }
  const part = `${folder}.part`
  try {
    await rm(part, { recursive: true, force: true })
    for (const name of ['tables', 'blobs', 'private']) makeFolder(join(part, name), 0o700)
    const state = await copyTables(source.sql, part, onProgress)
    // After the tables: a blob that they name is there, and stays a day at least (its grace).
    const blobs = await copyBlobs(join(source.dataFolder, 'blobs'), part, onProgress)
    const privates = await copyPrivates(source.privates, part)
    const { version, nowMs: atMs } = source
    const written = manifest.parse({
      ...{ format: 'tutti/backup/v1', version, atMs, ...state, blobs, privates },
    })
    await writeFile(join(part, 'backup.json'), `${JSON.stringify(written, null, 2)}\n`)
    await rename(part, folder)
    return written
  } catch (error) {
    // What went wrong first is said.
    await rm(part, { recursive: true, force: true }).catch(() => {})
    const isSystems = error instanceof Error && 'syscall' in error
    throw isSystems ? unusable(`cannot write ${folder}: ${error.message}`, error) : error
  }
}

/** Reads a backup and checks every file of it. Throws `control-plane/backup-unusable`. */
export async function readBackup(folder: string): Promise<BackupManifest> {
  const path = join(folder, 'backup.json')
  const text = await readFile(path, 'utf8').catch(() => null)
  if (text === null)
    throw unusable(`${folder} holds no backup.json: it is no backup, or a part of one`)
  const parsed = manifest.safeParse(parseJson(text))
  if (!parsed.success) throw unusable(`${path} is not of this version: ${parsed.error.message}`)
  const { tables, blobs, privates } = parsed.data
  for (const one of [...tables, ...blobs, ...privates]) {
    const seen = await describeFile(join(folder, one.path)).catch(() => null)
    if (seen?.digest !== one.digest) throw unusable(`${one.path} is damaged or missing`)
  }
  return parsed.data
}

/** Fills an empty database of the same migration, all tables or none. */
export async function loadTables(
  sql: Sql,
  folder: string,
  { tables, sequences }: BackupManifest,
): Promise<void> {
  await sql.begin(async (tx) => {
    // A migration may have put rows of its own there: the backup has them as they became.
    await tx`truncate ${tx(tables.map(({ name }) => name))}`
    for (const { name, path } of tables) await loadTable(tx, name, join(folder, path))
    for (const [name, value] of Object.entries(sequences)) {
      await tx`select setval(${name}::regclass, ${value}::bigint)`
    }
  })
}

async function loadTable(tx: TransactionSql, name: string, path: string): Promise<void> {
  let batch: string[] = []
  let chars = 0
  const insert = async () => {
    if (batch.length === 0) return
    const rows = `[${batch.join(',')}]`
    await tx`
      insert into ${tx(name)} overriding system value
      select filled.* from jsonb_populate_recordset(null::${tx(name)}, ${rows}::text::jsonb) filled`
    batch = []
    chars = 0
  }
  for await (const line of createInterface({ input: createReadStream(path) })) {
    batch.push(line)
    chars += line.length
    if (chars > batchChars) await insert()
  }
  await insert()
}

/** The rows of a table, each as one line of JSON. */
async function* linesOf(tx: TransactionSql, name: string): AsyncGenerator<string> {
  const rows = tx<{ line: string }[]>`select to_jsonb(t)::text as line from ${tx(name)} as t`
  for await (const page of rows.cursor(pageRows)) for (const { line } of page) yield `${line}\n`
}

async function copyTables(
  sql: Sql,
  part: string,
  onProgress: (what: string) => void,
): Promise<Pick<BackupManifest, 'migration' | 'logSize' | 'tables' | 'sequences'>> {
  const state = await sql.begin('isolation level repeatable read read only', async (tx) => {
    const tables: BackupManifest['tables'] = []
    for (const name of await tablesOf(tx)) {
      const path = `tables/${name}.jsonl`
      tables.push({ name, path, ...(await saveLines(linesOf(tx, name), join(part, path))) })
      onProgress(`table ${name}`)
    }
    const [last] = await tx<{ migration: number; size: string | null }[]>`
      select (select max(number) from migration) as migration,
        (select max(tree_size) from ledger_checkpoint) as size`
    const sequences = await tx<{ name: string; value: string }[]>`
      select quote_ident(sequencename) as name, last_value as value
      from pg_sequences where schemaname = current_schema() and last_value is not null`
    return {
      migration: last?.migration ?? 0,
      logSize: Number(last?.size ?? 0),
      tables,
      sequences: Object.fromEntries(sequences.map(({ name, value }) => [name, value])),
    }
  })
  return state
}

/** All tables but the migrations' own, what is referred to before what refers. */
async function tablesOf(tx: Query): Promise<string[]> {
  const names = await tx<{ name: string }[]>`
    select tablename as name from pg_tables
    where schemaname = current_schema() and tablename <> 'migration' order by tablename`
  const references = await tx<{ name: string; target: string }[]>`
    select c.relname as name, t.relname as target
    from pg_constraint join pg_class c on c.oid = conrelid join pg_class t on t.oid = confrelid
    where contype = 'f' and conrelid <> confrelid`
  const ordered: string[] = []
  const add = (name: string) => {
    if (ordered.includes(name)) return
    for (const one of references) if (one.name === name) add(one.target)
    ordered.push(name)
  }
  for (const { name } of names) add(name)
  return ordered
}

async function copyBlobs(
  from: string,
  part: string,
  onProgress: (what: string) => void,
): Promise<BackupFile[]> {
  const blobs: BackupFile[] = []
  const shelves = await readdir(from).catch(() => [])
  for (const shelf of shelves.filter((name) => name !== 'uploads')) {
    for (const name of await readdir(join(from, shelf))) {
      const path = `blobs/${name}`
      const isCopied = await copyOrLink(join(from, shelf, name), join(part, path))
      if (!isCopied) continue // collected meanwhile: nothing named it
      const { size } = await stat(join(part, path))
      blobs.push({ path, digest: `sha256:${name}`, sizeBytes: size })
      onProgress(`blob ${name}`)
    }
  }
  return blobs
}

/** A blob never changes: on one disk two names for it are enough. */
async function copyOrLink(from: string, to: string): Promise<boolean> {
  try {
    await link(from, to)
    return true
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return false
    await copyFile(from, to)
    return true
  }
}

async function copyPrivates(
  privates: BackupSource['privates'],
  part: string,
): Promise<BackupFile[]> {
  const files: BackupFile[] = []
  for (const [name, from] of Object.entries(privates)) {
    if (!(await isThere(from))) continue
    const path = `private/${name}`
    await writeFile(join(part, path), await readFile(from), { mode: 0o600 })
    files.push({ path, ...(await describeFile(join(part, path))) })
  }
  return files
}

/** Puts the blobs of a backup where a control plane looks for them. */
export async function placeBlobs(
  folder: string,
  { blobs }: BackupManifest,
  dataFolder: string,
): Promise<void> {
  for (const { path } of blobs) {
    const name = basename(path)
    const to = join(dataFolder, 'blobs', name.slice(0, 2), name)
    await placeFolder(dirname(to))
    if (!(await isThere(to))) await copyFile(join(folder, path), to)
  }
}

async function saveLines(
  lines: AsyncIterable<string>,
  path: string,
): Promise<{ readonly digest: string; readonly sizeBytes: number }> {
  await pipeline(lines, createWriteStream(path, { mode: 0o600 }))
  return await describeFile(path)
}

async function describeFile(path: string): Promise<Pick<BackupFile, 'digest' | 'sizeBytes'>> {
  const hash = createHash('sha256')
  for await (const chunk of createReadStream(path)) hash.update(chunk)
  return { digest: `sha256:${hash.digest('hex')}`, sizeBytes: (await stat(path)).size }
}

async function isThere(path: string): Promise<boolean> {
  return (await stat(path).catch(() => null)) !== null
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return null // what the schema refuses
  }
}

function unusable(message: string, cause?: Error): Failure {
  return new Failure('control-plane/backup-unusable', message, { cause })
}

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : ''
}
