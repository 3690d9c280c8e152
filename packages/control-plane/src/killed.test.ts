// A control plane that is killed, and the next one that goes on in its place. Runs what was built.

import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { openCheckpoint, parseVerifierKey } from '@tutti/ledger'
import { afterAll, expect, test } from 'vitest'
import { startControlPlane } from './start.ts'

const folder = mkdtempSync(join(tmpdir(), 'tutti-killed-'))
const built = fileURLToPath(new URL('../dist/index.js', import.meta.url))
const options = {
  ...{ dataFolder: folder, host: '127.0.0.1', port: 0, version: 'test', logLevel: 'silent' },
}
const script = `
  import { startControlPlane } from ${JSON.stringify(built)}
  const { url, credentials } = await startControlPlane(${JSON.stringify(options)})
  console.log(JSON.stringify({ url, credentials }))`
const children: ChildProcess[] = []

afterAll(() => {
  for (const child of children) child.kill('SIGKILL')
  rmSync(folder, { recursive: true, force: true })
})

async function startChild() {
  const child = spawn(process.execPath, ['--input-type=module', '-e', script], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  children.push(child)
  const [line] = await once(child.stdout, 'data')
  return { child, ...JSON.parse(String(line)) }
}

const postmasterPid = () =>
  readFileSync(join(folder, 'postgres/postmaster.pid'), 'utf8').split('\n')[0]

test('killed amid writes: the next one adopts Postgres, and all that was answered is there and recorded', async () => {
  const first = await startChild()
  const key = first.credentials.admin
  const ask = async (url: string, method: string, path: string, body?: object) => {
    const headers = { authorization: `Bearer ${key}` }
    const init = { method, headers, ...(body ? { body: JSON.stringify(body) } : {}) }
    const answer = await fetch(`${url}/api/v1${path}`, init)
    return { status: answer.status, body: JSON.parse(await answer.text()) }
  }
  const apply = (url: string, name: string) =>
    ask(url, 'PUT', `/projects/${name}`, {
      ...{ apiVersion: 'tutti/v1', kind: 'Project', metadata: { name }, spec: {} },
    })
  const answered: string[] = []
  const writers = Array.from({ length: 4 }, async (_, w) => {
    for (let i = 0; i < 1_000; i++) {
      const { status } = await apply(first.url, `p-${w}-${i}`)
      if (status === 201) answered.push(`p-${w}-${i}`)
      if (answered.length === 40) first.child.kill('SIGKILL')
    }
  })
  await Promise.allSettled(writers)
  expect(answered.length).toBeGreaterThanOrEqual(40)
  const pid = postmasterPid()

  const second = await startControlPlane(options)
  try {
    expect(second.credentials).toBeNull()
    expect(postmasterPid()).toBe(pid)
    await apply(second.url, 'marker')
    const { body: me } = await ask(second.url, 'GET', '/whoami')
    const records = async (): Promise<{ resource: string; generation: number }[]> => {
      const { body } = await ask(second.url, 'GET', '/ledger/entries')
      return body.items.map((item: { body: string }) => JSON.parse(item.body))
    }
    let log = await records()
    while (!log.some(({ resource }) => resource === 'Project/marker')) log = await records()
    const recorded = log.map(({ resource }) => resource).filter((one) => /^Project\/p-/.test(one))
    const { body: list } = await ask(second.url, 'GET', '/projects')
    const stored = list.items
      .map((one: { metadata: { name: string } }) => `Project/${one.metadata.name}`)
      .filter((one: string) => /^Project\/p-/.test(one))
    expect(recorded.sort()).toEqual(stored.sort()) // I1, over a kill
    expect(stored).toEqual(expect.arrayContaining(answered.map((name) => `Project/${name}`)))
    const { body: newest } = await ask(second.url, 'GET', '/ledger/checkpoint')
    expect(openCheckpoint(newest.checkpoint, { log: parseVerifierKey(me.ledger) }).ok).toBe(true)
  } finally {
    await second.stop()
  }
})
