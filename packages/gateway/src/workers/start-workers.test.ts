// Workers as real processes that do nothing but live.

import cluster from 'node:cluster'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, expect, test } from 'vitest'
import { startWorkers, type Workers } from './start-workers.ts'

const folder = mkdtempSync(join(tmpdir(), 'tutti-workers-'))
let workers: Workers | null = null
afterEach(async () => {
  await workers?.stop()
  rmSync(folder, { recursive: true, force: true })
})

test.skipIf(process.platform !== 'linux')(
  'one that has died is told nothing, and nobody else ends of it (G2)',
  async () => {
    const exec = join(folder, 'worker.mjs')
    writeFileSync(exec, `process.send({ ready: 'http://127.0.0.1' }); setInterval(() => {}, 1e6)`)
    cluster.setupPrimary({ exec, execArgv: [] })
    const ended: unknown[] = []
    const again = new Promise<void>((resolve) => {
      const log = (_: string, { reason }: Readonly<Record<string, unknown>>) => ended.push(reason)
      const options = { count: 2, env: {}, placeName: 'TUTTI_TEST_PLACE', log }
      void startWorkers(options).then((all) => {
        workers = all
        const [one, other] = Object.values(cluster.workers ?? {})
        const pid = other?.process.pid ?? 0
        process.kill(pid, 'SIGKILL')
        while (!readFileSync(`/proc/${pid}/stat`, 'utf8').includes(') Z ')) {
          // This process shall not hear of it before it tells.
        }
        expect(other?.isConnected()).toBe(true)
        one?.emit('message', { kind: 'used', uses: [] })
        cluster.once('online', () => resolve()) // the one in its place
      })
    })
    await again
    expect(ended).toEqual(['SIGKILL'])
  },
)
