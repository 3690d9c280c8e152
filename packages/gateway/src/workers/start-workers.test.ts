// Workers as real processes that do nothing but live.

import cluster, { type Worker } from 'node:cluster'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import { startWorkers, type Workers } from './start-workers.ts'

const { execPath } = process
const folder = mkdtempSync(join(tmpdir(), 'tutti-workers-'))
const ended: string[] = []
let heard = () => {}
let workers: Workers | null = null

beforeAll(() => {
  const exec = join(folder, 'worker.mjs')
  writeFileSync(exec, `process.send({ ready: 'http://127.0.0.1' }); setInterval(() => {}, 1e6)`)
  cluster.setupPrimary({ exec, execArgv: [] })
})
afterEach(async () => {
  process.execPath = execPath
  await workers?.stop()
  ended.length = 0
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))

async function two(): Promise<Worker[]> {
  const log = (_: string, { reason }: Readonly<Record<string, unknown>>) => {
    ended.push(String(reason))
    heard()
  }
  workers = await startWorkers({ count: 2, env: {}, placeName: 'TUTTI_TEST_PLACE', log })
  return Object.values(cluster.workers ?? {}).flatMap((worker) => worker ?? [])
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
