// Embedded Postgres
//
// Starts the real Postgres 18 that came from npm, on a unix socket, as root or not, without the package's
// install script. Postgres outlives a control plane that was killed; the next one adopts it, so a restart
// costs no recovery and two postmasters never meet in one folder.
//
// Postgres refuses to run as root. As root it is started in a user namespace where this user is 1000; where
// namespaces are forbidden, as in most containers, as uid 65534 that keeps one of root's capabilities: to
// pass folders, such as root's home, that this uid could not enter.

import { type SpawnOptions, type StdioOptions, spawn, spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import {
  chownSync,
  closeSync,
  existsSync,
  lstatSync,
  mkdirSync,
  openSync,
  readFileSync,
  rmdirSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, dirname, join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { isMissing, makeFolder } from '@tutti/machine'
import { Failure } from '../failure.ts'
import { findNativePostgres, type NativePostgres } from './native-postgres.ts'

export interface RunningPostgres {
  /** Path of the unix socket. */
  readonly socketPath: string
  readonly user: string
  readonly adopted: boolean
  /** Fast shutdown; resolves when the postmaster is gone, and the folder of its socket with it. */
  readonly stop: () => Promise<void>
}

type Mode = 'plain' | 'namespace' | 'substitute'

const port = 5432 // names the socket; nothing listens on TCP
const substituteUid = 65_534 // nobody
// recovery after a crash under load took 4 s at most; cold disks get the rest
const startMs = 30_000
const user = 'tutti'
const socketName = `.s.PGSQL.${port}`
const claimName = 'starting' // keeps a folder from being empty before Postgres has its socket there
const claimsMax = 5
const firstWords = 'start.log' // what Postgres says before it has a log

/** Starts or adopts the Postgres whose data lives in `dataFolder`. */
export async function startEmbeddedPostgres(dataFolder: string): Promise<RunningPostgres> {
  const data = join(dataFolder, 'postgres')
  const adopted = runningPostmaster(data)
  if (adopted !== null) {
    rmSync(join(adopted.socketFolder, claimName), { force: true }) // of a starter that was killed
    return handleOf(data, adopted.socketFolder, true)
  }
  const mode = chooseMode()
  const commands = commandsFor(mode, findNativePostgres(join(dataFolder, 'libraries')))
  if (!existsSync(join(data, 'PG_VERSION'))) createCluster(data, commands)
  takeOver(data, ownerIn(mode))

  const socketFolder = claimSocketFolder(data, mode)
  await startPostmaster(data, socketFolder, commands)
  rmSync(join(socketFolder, claimName), { force: true })
  return handleOf(data, socketFolder, false)
}

async function startPostmaster(
  data: string,
  socketFolder: string,
  commands: Commands,
): Promise<void> {
  const untilMs = Date.now() + startMs
  for (;;) {
    const exit = await spawnPostmaster(data, socketFolder, commands, untilMs)
    if (exit === null) return
    if (!isHeldByFormer(data) || Date.now() > untilMs) throw startFailed(data, exit)
    await delay(50)
  }
}

/** Resolves with null once it is ready, or with why it is not. */
async function spawnPostmaster(
  data: string,
  socketFolder: string,
  commands: Commands,
  untilMs: number,
): Promise<unknown> {
  releaseLock(join(data, 'postmaster.pid'))
  releaseLock(join(socketFolder, `${socketName}.lock`))
  const [command, args, options] = commands('postgres', [
    ...['-D', data, '-p', String(port)],
    ...['-c', 'listen_addresses=', '-c', `unix_socket_directories=${socketFolder}`],
    ...['-c', 'max_connections=100', '-c', 'wal_level=minimal', '-c', 'max_wal_senders=0'],
    ...['-c', 'logging_collector=on', '-c', 'log_directory=log', '-c', 'log_filename=postgres.log'],
    ...['-c', 'log_rotation_size=0', '-c', 'log_rotation_age=0'],
  ])
  const errors = openSync(join(data, firstWords), 'w')
  const stdio: StdioOptions = ['ignore', 'ignore', errors]
  const child = spawn(command, args, { ...options, stdio, detached: true })
  closeSync(errors)
  child.unref() // an exit after the start is seen by the pool, not here
  const failed = new Promise<unknown>((resolve) => {
    child.once('error', resolve)
    child.once('exit', (code) => resolve(`it exited with ${code}`))
  })
  return await Promise.race([untilReady(data, socketFolder, untilMs), failed])
}

function handleOf(data: string, socketFolder: string, adopted: boolean): RunningPostgres {
  return {
    socketPath: join(socketFolder, socketName),
    user,
    adopted,
    stop: () => stopPostmaster(data, socketFolder),
  }
}

function chooseMode(): Mode {
  if (process.getuid?.() !== 0) return 'plain'
  if (works('unshare', namespaceArgs)) return 'namespace'
  if (works('setpriv', substituteArgs)) return 'substitute'
  const wish = 'run as another user, or set DATABASE_URL to a Postgres of your own'
  throw new Failure(
    'control-plane/postgres-start-failed',
    `Postgres cannot run as root, and neither unshare nor setpriv works here: ${wish}`,
  )
}

/** Throws where it could not be tried: that is no answer. */
function works(command: string, args: readonly string[]): boolean {
  const { status, error } = spawnSync(command, [...args, 'true'])
  if (!isShort(error)) return status === 0
  const message = `Postgres cannot be started now: ${error?.message}`
  throw new Failure('control-plane/postgres-start-failed', message, { cause: error })
}

const namespaceArgs = ['-U', '--map-user=1000', '--map-group=1000', '--']
const substituteArgs = [
  ...[`--reuid=${substituteUid}`, `--regid=${substituteUid}`, '--clear-groups'],
  ...['--inh-caps=+dac_override', '--ambient-caps=+dac_override', '--'],
]

type Commands = (
  binary: string,
  args: readonly string[],
) => [string, readonly string[], SpawnOptions]

function commandsFor(mode: Mode, native: NativePostgres): Commands {
  const options: SpawnOptions = { cwd: '/', env: native.environment }
  return (binary, args) => {
    const path = join(native.folder, 'bin', binary)
    switch (mode) {
      case 'plain':
        return [path, args, options]
      case 'namespace':
        return ['unshare', [...namespaceArgs, path, ...args], options]
      case 'substitute':
        return ['setpriv', [...substituteArgs, path, ...args], options]
    }
  }
}

/** The uid that Postgres's files have, as seen from here. */
function ownerIn(mode: Mode): number | undefined {
  return mode === 'substitute' ? substituteUid : process.getuid?.()
}

/** A cluster that was made under another mode, as when a folder moves into a container. */
function takeOver(data: string, owner: number | undefined): void {
  if (owner === undefined || lstatSync(data).uid === owner || process.getuid?.() !== 0) return
  spawnSync('chown', ['-R', `${owner}:${owner}`, data])
}

function createCluster(data: string, commands: Commands): void {
  makeFolder(dirname(data))
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

/** Beside a stop, which removes the folder only while it is empty. */
function claimSocketFolder(data: string, mode: Mode): string {
  for (let claims = 1; ; claims++) {
    try {
      const folder = socketFolderOf(data, mode)
      writeFileSync(join(folder, claimName), '')
      return folder
    } catch (error) {
      // The stop was between the two.
      if (codeOf(error) !== 'ENOENT' || claims === claimsMax) throw error
    }
  }
}

/** A unix socket's path may have 107 bytes at most, so it lives below the temporary folder. */
function socketFolderOf(data: string, mode: Mode): string {
  const name = createHash('sha256').update(data).digest('hex').slice(0, 16)
  const folder = join(tmpdir(), `tutti-pg-${name}`)
  mkdirSync(folder, { recursive: true, mode: 0o700 })
  const owner = ownerIn(mode)
  // Root's or its substitute's, from a start under the other mode.
  const isEither = [0, substituteUid].includes(lstatSync(folder).uid)
  if (process.getuid?.() === 0 && isEither) chownSync(folder, owner ?? 0, owner ?? 0)
  // Who could put another socket in its place would be our database.
  const { uid, mode: bits } = lstatSync(folder)
  if (uid === owner && lstatSync(folder).isDirectory() && (bits & 0o077) === 0) return folder
  throw new Failure(
    'control-plane/postgres-start-failed',
    `${folder} should be a folder that this user alone can enter, and is not: remove it`,
  )
}

/**
 * After a crash, a lock's process id may have gone to somebody else, and Postgres would wait for
 * them for ever. The lock is made out to its parent, us: then Postgres takes it over, but only
 * after it has seen that nobody is attached to the shared memory that the lock names.
 */
function releaseLock(path: string): void {
  if (!existsSync(path)) return
  const [pid = '', ...rest] = readFileSync(path, 'utf8').split('\n')
  if (!isAlive(Number(pid)) || isPostgres(Number(pid))) return
  writeFileSync(path, [process.pid, ...rest].join('\n'))
}

function isPostgres(pid: number): boolean {
  const [program = ''] = commandLineOf(pid)
  return basename(program) === 'postgres'
}

/** The program that a process runs, and its arguments; empty where there is no such process. */
function commandLineOf(pid: number): string[] {
  if (existsSync('/proc/self/cmdline')) {
    try {
      return readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0')
    } catch (error) {
      if (isShort(error)) throw cannotTell(`process ${pid} is Postgres`, error)
      return [] // it has ended meanwhile
    }
  }
  const { stdout } = spawnSync('ps', ['-o', 'args=', '-p', String(pid)], { encoding: 'utf8' })
  return (stdout ?? '').trim().split(' ')
}

interface Postmaster {
  readonly pid: number
  readonly socketFolder: string
  readonly status: string
}

/**
 * What `postmaster.pid` says (lines: pid, data, start, port, socket folder, address, shm,
 * status). One that cannot be read may be a living one's: its lock would be taken from it.
 */
function readPostmaster(data: string): Postmaster | null {
  try {
    const lines = readFileSync(join(data, 'postmaster.pid'), 'utf8').split('\n')
    const pid = Number(lines[0])
    if (!Number.isInteger(pid) || pid <= 0) return null
    return { pid, socketFolder: lines[4] ?? '', status: lines[7]?.trim() ?? '' }
  } catch (error) {
    if (isMissing(error)) return null // no file, no postmaster
    throw cannotTell(`Postgres runs in ${data}`, error)
  }
}

function runningPostmaster(data: string): Postmaster | null {
  const postmaster = readPostmaster(data)
  if (postmaster === null || postmaster.status !== 'ready') return null
  const socket = join(postmaster.socketFolder, socketName)
  const isRunning = isAlive(postmaster.pid) && existsSync(socket) && isPostgres(postmaster.pid)
  return isRunning ? postmaster : null
}

async function untilReady(
  data: string,
  socketFolder: string,
  untilMs: number,
): Promise<string | null> {
  while (Date.now() < untilMs) {
    const postmaster = runningPostmaster(data)
    if (postmaster?.socketFolder === socketFolder) return null
    await delay(15) // the postmaster tells readiness by its pid file alone
  }
  return `it was not ready after ${startMs / 1000} s`
}

async function stopPostmaster(data: string, socketFolder: string): Promise<void> {
  const postmaster = readPostmaster(data)
  if (postmaster !== null && isAlive(postmaster.pid) && isPostgres(postmaster.pid)) {
    process.kill(postmaster.pid, 'SIGINT') // fast shutdown: roll back, checkpoint, exit
    while (isAlive(postmaster.pid) && readPostmaster(data)?.pid === postmaster.pid) await delay(15)
  } else if (postmaster !== null) {
    for (const name of [socketName, `${socketName}.lock`]) {
      rmSync(join(socketFolder, name), { force: true }) // a killed one could not
    }
  }
  try {
    rmdirSync(socketFolder)
  } catch {
    // Somebody has started it again: their claim or their socket is in there.
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return codeOf(error) === 'EPERM'
  }
}

/** The children of a postmaster that was killed see it some milliseconds later, and end. */
function isHeldByFormer(data: string): boolean {
  return lastLines(join(data, firstWords)).includes('pre-existing shared memory block')
}

function startFailed(data: string, cause: unknown): Failure {
  const said = cause instanceof Error ? cause.message : String(cause)
  const log = lastLines(join(data, firstWords)) || lastLines(join(data, 'log/postgres.log'))
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

function cannotTell(what: string, cause: unknown): Failure {
  const said = cause instanceof Error ? cause.message : String(cause)
  const message = `cannot tell whether ${what}: ${said}`
  return new Failure('control-plane/postgres-start-failed', message, { cause })
}

/** Of descriptors, processes or memory: it says nothing of what was asked. */
function isShort(error: unknown): boolean {
  return ['EMFILE', 'ENFILE', 'EAGAIN', 'ENOMEM'].includes(codeOf(error))
}

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : ''
}
