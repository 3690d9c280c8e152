// Postgres killed under a running control plane: it is started again, the control plane goes on, and nothing
// that was answered is lost. Runs what was built.

import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, expect, test } from 'vitest'

const folder = mkdtempSync(join(tmpdir(), 'tutti-postgres-killed-'))
const built = fileURLToPath(new URL('../dist/index.js', import.meta.url))
let plane: ChildProcess // the test writes

afterAll(async () => {
  if (plane.exitCode === null) {
    const ended = once(plane, 'exit')
    plane.kill('SIGTERM')
    await ended
  }
  rmSync(folder, { recursive: true, force: true })
})

/** Starts a control plane. Gives the admin's key. */
async function start(port: number): Promise<string> {
  const options = {
    dataFolder: folder,
    host: '127.0.0.1',
    port,
    version: 'test',
    logLevel: 'silent',
  }
  const script = `
    import { startControlPlane } from ${JSON.stringify(built)}
    const plane = await startControlPlane(${JSON.stringify(options)})
    process.on('SIGTERM', () => void plane.stop().then(() => process.exit(0)))
    console.log(JSON.stringify(plane.credentials))`
  plane = spawn(process.execPath, ['--input-type=module', '-e', script], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const [line] = await once(plane.stdout as NodeJS.ReadableStream, 'data')
  return JSON.parse(String(line)).admin
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  server.close()
  return typeof address === 'object' && address !== null ? address.port : 0
}

const postmaster = () =>
  Number(readFileSync(join(folder, 'postgres/postmaster.pid'), 'utf8').split('\n')[0])

/** Asks until the answer is what was hoped for; the test's own time ends it otherwise. */
async function until(ask: () => Promise<boolean>): Promise<void> {
  while (!(await ask().catch(() => false))) await new Promise((resolve) => setImmediate(resolve))
}

test('Postgres killed amid writes: it is back, and all that was answered is there', async () => {
  const port = await freePort()
  const admin = await start(port)
  const call = async (method: string, path: string, body?: object) => {
    const answer = await fetch(`http://127.0.0.1:${port}/api/v1${path}`, {
      ...{ method, headers: { authorization: `Bearer ${admin}` } },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      signal: AbortSignal.timeout(5_000),
    })
    return { status: answer.status, body: JSON.parse(await answer.text()) }
  }
  const write = (kind: string, plural: string, name: string, spec: object) =>
    call('PUT', `/${plural}/${name}`, {
      ...{ apiVersion: 'tutti/v1', kind, metadata: { name }, spec },
    })
  const answered: string[] = []
  const statuses = new Set<number>()
  const killed = postmaster()
  const writers = Array.from({ length: 4 }, async (_, w) => {
    for (let i = 0; i < 110; i++) {
      const { status } = await write('Project', 'projects', `p-${w}-${i}`, {})
      statuses.add(status)
      if (status === 201) answered.push(`p-${w}-${i}`)
      if (answered.length === 20) process.kill(killed, 'SIGKILL')
    }
  })
  await Promise.allSettled(writers)
  expect([...statuses].sort()).toEqual([201, 503])
  await until(async () => (await write('Project', 'projects', 'after', {})).status < 300)
  expect(postmaster()).not.toBe(killed)
  const { body } = await call('GET', '/projects?limit=500')
  const names = body.items.map((one: { metadata: { name: string } }) => one.metadata.name)
  expect(names).toEqual(expect.arrayContaining(answered))

  // A policy takes effect by a notification: who listens hears again, or finds that it was deaf.
  const cedar =
    '@id("no-more")\nforbid(principal, action == Action::"create", resource is Project);'
  expect((await write('Policy', 'policies', 'no-more', { cedar })).status).toBe(201)
  let late = 0 // one that was made in time could be written again
  const create = () => write('Project', 'projects', `late-${late++}`, {})
  await until(async () => (await create()).status === 403)
  expect(plane.exitCode).toBeNull()
})
