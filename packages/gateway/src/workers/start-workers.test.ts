// Workers as real processes that do nothing but live.

import cluster, { type Worker } from 'node:cluster'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, expect, test, vi } from 'vitest'
import { startWorkers, type Workers } from './start-workers.ts'

const { execPath } = process
const folder = mkdtempSync(join(tmpdir(), 'tutti-workers-'))
const ended: string[] = []
let heard = () => {}
let workers: Workers | null = null

const living = `process.on('message', (said) => process.send({ said }))
process.send({ ready: 'http://127.0.0.1' }); setInterval(() => {}, 1e6)`
// Answers when it is told to.
const waiting = `process.once('message', () => { ${living} }); setInterval(() => {}, 1e6)`

beforeAll(() => {
  writeFileSync(join(folder, 'living.mjs'), living)
  const first = `if (process.env.TUTTI_TEST_PLACE === '1') { ${living} } else { ${waiting} }`
  writeFileSync(join(folder, 'first.mjs'), first)
})
afterEach(async () => {
  vi.useRealTimers()
  process.execPath = execPath
  heard = () => {}
  await workers?.stop()
  workers = null
  ended.length = 0
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))

function startTwo(script = 'living.mjs'): Promise<Workers> {
  const log = (_: string, { reason }: Readonly<Record<string, unknown>>) => {
    ended.push(String(reason))
    heard()
  }
  cluster.setupPrimary({ exec: join(folder, script), execArgv: [] })
  return startWorkers({ count: 2, env: {}, placeName: 'TUTTI_TEST_PLACE', log })
}

/** One that is dead is listed until its channel has ended, too. */
function all(): Worker[] {
  const listed = Object.values(cluster.workers ?? {}).flatMap((worker) => worker ?? [])
  return listed.filter((worker) => !worker.isDead())
}

async function two(): Promise<Worker[]> {
  workers = await startTwo()
  return all()
}

test.skipIf(process.platform !== 'linux')(
  'one that has died is told nothing, and nobody else ends of it (G2)',
  async () => {
    const [one, other] = await two()
    const pid = other?.process.pid ?? 0
    process.kill(pid, 'SIGKILL')
    while (!readFileSync(`/proc/${pid}/stat`, 'utf8').includes(') Z ')) {
      // This process shall not hear of it before it tells.
    }
    expect(other?.isConnected()).toBe(true)
    one?.emit('message', { kind: 'used', uses: [] })
    await once(cluster, 'online') // the one in its place
    expect(ended).toEqual(['SIGKILL'])
  },
)

test('one for which there is no room is tried again', async () => {
  const [one] = await two()
  process.execPath = join(folder, 'nothing')
  const twice = new Promise<void>((resolve) => {
    heard = () => {
      if (ended.length === 2) resolve()
    }
  })
  one?.process.kill('SIGKILL')
  await twice
  process.execPath = execPath
  await once(cluster, 'online')
  expect(ended).toEqual(['SIGKILL', expect.stringContaining('ENOENT')])
})

test('one that dies while another has not answered yet is started again too', async () => {
  const starting = startTwo('first.mjs')
  const [one, other] = all()
  if (one !== undefined) await once(one, 'message')
  one?.process.kill('SIGKILL')
  await once(cluster, 'fork') // the one in its place
  other?.send('answer')
  workers = await starting
  expect(ended).toEqual(['SIGKILL'])
  expect(all()).toHaveLength(2)
})

test('where one ends that never answered nobody is started again: its end is said', async () => {
  vi.useFakeTimers({ toFake: ['setTimeout'] })
  const starting = startTwo('first.mjs')
  const [one, other] = all()
  if (one !== undefined) await once(one, 'message')
  other?.process.kill('SIGKILL')
  await expect(starting).rejects.toThrow('a worker ended with SIGKILL before it answered')
  one?.process.kill('SIGKILL')
  if (one !== undefined) await once(one.process, 'exit')
  expect([ended, vi.getTimerCount()]).toEqual([[], 0])
})

test('the others hear of one that is gone (G1)', async () => {
  const [one, other] = await two()
  const heard = new Promise((resolve) => other?.on('message', ({ said }) => resolve(said)))
  one?.process.kill('SIGKILL')
  expect(await heard).toEqual({ kind: 'gone', from: one?.id })
})

test('one that dies again waits longer, and no longer once it has lived for a while', async () => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'performance'] })
  let [one] = await two()
  for (const [livedMs, waited] of [
    [60_000, 250],
    [60_000, 500],
    [60_001, 250],
  ] as const) {
    vi.advanceTimersByTime(livedMs)
    const died = new Promise<void>((resolve) => {
      heard = resolve
    })
    one?.process.kill('SIGKILL')
    await died
    const next = once(cluster, 'fork')
    const atMs = performance.now()
    vi.advanceTimersToNextTimer()
    ;[one] = await next
    expect(performance.now() - atMs).toBe(waited)
  }
})
