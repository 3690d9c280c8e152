// The real Postgres in the states that crashes and strangers leave behind.

import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { text } from 'node:stream/consumers'
import postgres from 'postgres'
import { afterAll, expect, test, vi } from 'vitest'
import { startEmbeddedPostgres } from './embedded-postgres.ts'

const folders: string[] = []
const children: ChildProcess[] = []
const waiting = { timeout: 30_000 }
afterAll(() => {
  vi.unstubAllEnvs()
  for (const child of children) child.kill('SIGKILL')
  for (const folder of folders) rmSync(folder, { recursive: true, force: true })
})

function makeFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'tutti-embedded-'))
  folders.push(folder)
  return folder
}

async function answerOf(path: string): Promise<unknown> {
  const sql = postgres({ path, user: 'tutti', database: 'postgres', max: 1, onnotice: () => {} })
  try {
    const [row] = await sql`select 6 * 7 as answer, getpgusername() as user`
    return row?.['answer']
  } finally {
    await sql.end()
  }
}

function isCheckpointer(pid: string): boolean {
  return readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes('checkpointer')
}

/** Ends the postmaster as a power cut would, and waits until none of its processes is left. */
async function cutPower(data: string): Promise<void> {
  const pid = Number(readFileSync(join(data, 'postmaster.pid'), 'utf8').split('\n')[0])
  process.kill(pid, 'SIGKILL')
  const isThere = () => {
    try {
      process.kill(pid, 0)
      return !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'))
    } catch {
      return false
    }
  }
  await vi.waitUntil(() => !isThere(), waiting)
}

test('after a crash, a process id that has gone to somebody else keeps nothing from starting', async () => {
  const folder = makeFolder()
  const data = join(folder, 'postgres')
  const first = await startEmbeddedPostgres(folder)
  expect(await answerOf(first.socketPath)).toBe(42)
  await cutPower(data)
  const stranger = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1e6)'])
  children.push(stranger)
  await once(stranger, 'spawn')
  for (const lock of [join(data, 'postmaster.pid'), `${first.socketPath}.lock`]) {
    const [, ...rest] = readFileSync(lock, 'utf8').split('\n')
    writeFileSync(lock, [stranger.pid, ...rest].join('\n'))
  }
  const second = await startEmbeddedPostgres(folder)
  expect(second.adopted).toBe(false)
  expect(await answerOf(second.socketPath)).toBe(42)
  const third = await startEmbeddedPostgres(folder)
  expect(third.adopted).toBe(true)
  await third.stop()
  expect(stranger.exitCode).toBeNull()
})

test('a stop leaves no socket folder, whoever started what it stops', async () => {
  const folder = makeFolder()
  const first = await startEmbeddedPostgres(folder)
  const adopted = await startEmbeddedPostgres(folder)
  await adopted.stop()
  expect(existsSync(dirname(first.socketPath))).toBe(false)
  const second = await startEmbeddedPostgres(folder)
  expect(await answerOf(second.socketPath)).toBe(42)
  await second.stop()
  expect(existsSync(dirname(second.socketPath))).toBe(false)
})

test('a start beside a stop keeps its socket folder, and the next stop leaves none', async () => {
  const folder = makeFolder()
  const first = await startEmbeddedPostgres(folder)
  const stopping = first.stop()
  const lock = join(folder, 'postgres/postmaster.pid')
  while (existsSync(lock)) await new Promise(setImmediate) // before the stop looks again
  const second = await startEmbeddedPostgres(folder)
  await stopping
  expect(await answerOf(second.socketPath)).toBe(42)
  writeFileSync(join(dirname(second.socketPath), 'starting'), '') // as a killed starter leaves it
  const adopted = await startEmbeddedPostgres(folder)
  await adopted.stop()
  expect(existsSync(dirname(second.socketPath))).toBe(false)
})

test('one that was killed leaves a socket: a start takes it over, a stop removes it', async () => {
  const folder = makeFolder()
  const data = join(folder, 'postgres')
  const first = await startEmbeddedPostgres(folder)
  await cutPower(data)
  expect(existsSync(first.socketPath)).toBe(true)
  const second = await startEmbeddedPostgres(folder)
  expect(second.socketPath).toBe(first.socketPath)
  await cutPower(data)
  const stranger = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1e6)'])
  children.push(stranger)
  await once(stranger, 'spawn')
  const lock = join(data, 'postmaster.pid')
  const [, ...rest] = readFileSync(lock, 'utf8').split('\n')
  writeFileSync(lock, [stranger.pid, ...rest].join('\n')) // its id has gone to somebody else
  await second.stop()
  expect(existsSync(dirname(first.socketPath))).toBe(false)
  expect(stranger.signalCode).toBeNull()
  expect(stranger.exitCode).toBeNull()
})

test.skipIf(process.platform !== 'linux')(
  'a start waits for the last processes of one that was killed',
  async () => {
    const folder = makeFolder()
    const data = join(folder, 'postgres')
    await startEmbeddedPostgres(folder)
    const pid = readFileSync(join(data, 'postmaster.pid'), 'utf8').split('\n')[0]
    const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim().split(' ')
    const slow = Number(children.find(isCheckpointer))
    process.kill(slow, 'SIGSTOP') // it does not see that its postmaster is gone
    const starting = cutPower(data).then(() => startEmbeddedPostgres(folder))
    const words = join(data, 'start.log')
    await vi.waitUntil(() => readFileSync(words, 'utf8').includes('is still in use'), waiting)
    process.kill(slow, 'SIGCONT')
    const second = await starting
    expect(await answerOf(second.socketPath)).toBe(42)
    await second.stop()
  },
)

test('what Postgres says before it has a log is told', async () => {
  const folder = makeFolder()
  const first = await startEmbeddedPostgres(folder)
  await first.stop()
  writeFileSync(join(folder, 'postgres/postgresql.conf'), 'no_such_setting = on\n')
  await expect(startEmbeddedPostgres(folder)).rejects.toThrow('no_such_setting')
})

test('a socket folder that others can enter is refused: theirs would be our database', async () => {
  const folder = makeFolder()
  const first = await startEmbeddedPostgres(folder)
  await first.stop()
  const sockets = dirname(first.socketPath)
  mkdirSync(sockets)
  chmodSync(sockets, 0o777)
  await expect(startEmbeddedPostgres(folder)).rejects.toThrow('this user alone can enter')
  rmSync(sockets, { recursive: true })
  const again = await startEmbeddedPostgres(folder)
  expect(await answerOf(again.socketPath)).toBe(42)
  await again.stop()
})

test.skipIf(process.getuid?.() !== 0 || !existsSync('/usr/bin/setpriv'))(
  'as root where namespaces are forbidden, Postgres runs as another user, in a folder of root’s',
  async () => {
    const folder = makeFolder() // closed to all but root
    const before = await startEmbeddedPostgres(folder)
    await before.stop()
    const tools = makeFolder() // holds no unshare
    for (const tool of ['setpriv', 'chown', 'true'])
      symlinkSync(`/usr/bin/${tool}`, join(tools, tool))
    vi.stubEnv('PATH', tools)
    for (const home of [makeFolder(), folder]) {
      const running = await startEmbeddedPostgres(home)
      expect(await answerOf(running.socketPath)).toBe(42)
      expect(statSync(join(home, 'postgres')).uid).toBe(65_534)
      const pid = readFileSync(join(home, 'postgres/postmaster.pid'), 'utf8').split('\n')[0]
      expect(readFileSync(`/proc/${pid}/status`, 'utf8')).toMatch(/^Uid:\s+65534/m)
      await running.stop()
    }
    vi.unstubAllEnvs()
    const back = await startEmbeddedPostgres(folder)
    expect(await answerOf(back.socketPath)).toBe(42)
    await back.stop()
    vi.stubEnv('PATH', tools)
    rmSync(join(tools, 'setpriv'))
    await expect(startEmbeddedPostgres(folder)).rejects.toThrow('DATABASE_URL')
    vi.unstubAllEnvs()
  },
)

test.skipIf(process.platform !== 'linux')(
  'where no more files can be opened, a Postgres that runs is not taken for a dead one',
  async () => {
    const folder = makeFolder()
    const lock = join(folder, 'postgres/postmaster.pid')
    const first = await startEmbeddedPostgres(folder)
    const locked = readFileSync(lock, 'utf8')
    // In a process of its own: the bound is of all threads.
    const [starter, own] = ['../../dist/store/embedded-postgres.js', import.meta.url]
    const script = `
      const { openSync } = await import('node:fs')
      const { startEmbeddedPostgres } = await import(${JSON.stringify(new URL(starter, own).href)})
      const start = () => startEmbeddedPostgres(${JSON.stringify(folder)})
      await start()
      try { for (;;) openSync('/dev/null') } catch {}
      const error = await start().catch((error) => error)
      process.stdout.write(error.message)`
    const asNode = [process.execPath, '--input-type=module', '-e', script]
    const child = spawn('sh', ['-c', 'ulimit -n 200; exec "$@"', 'sh', ...asNode])
    children.push(child)
    const said = await text(child.stdout)
    expect(said).toContain(`cannot tell whether Postgres runs in ${join(folder, 'postgres')}`)
    expect(said).toContain('EMFILE')
    expect(readFileSync(lock, 'utf8')).toBe(locked)
    expect((await startEmbeddedPostgres(folder)).adopted).toBe(true)
    await first.stop()
  },
)
