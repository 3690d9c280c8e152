// What an earlier version left behind, opened by the code of today: `tools/make-earlier-data.mjs` made it, by
// running that version. The database is brought to today's schema, and the node's folder is taken as it is.

import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { Client } from '@tutti/sdk'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { type Child, type InferAnswer, runTutti, startReady, stopChild } from './local-fleet.ts'

const fixture = fileURLToPath(new URL('../fixtures/migration-0003/', import.meta.url))
const children: Child[] = []
let folder = ''
let home = ''

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'tutti-upgrade-'))
  home = join(folder, 'home')
  cpSync(fixture, join(folder, 'earlier'), { recursive: true })
})
afterEach(async () => {
  for (const child of children.splice(0).reverse()) await stopChild(child)
  rmSync(folder, { recursive: true, force: true })
})

const restore = () => runTutti(['restore', join(folder, 'earlier/backup'), '--home', home])
const start = async (...args: string[]) =>
  (await startReady([...args, '--home', home], /answers at (\S+)/, children))[1] ?? ''
const admin = (): string => JSON.parse(readFileSync(join(home, 'credentials.json'), 'utf8')).admin

/** A control plane on the earlier database, and the earlier node with it. */
async function startBoth() {
  await restore()
  const url = await start('control-plane', '--port', '0', '--log-level', 'warn')
  const client = new Client({ url, key: admin() })
  const data = join(folder, 'earlier/node')
  const node = await start('node', '--data', data, '--url', url, '--threads', '1')
  const { localKey } = JSON.parse(readFileSync(join(data, 'identity.json'), 'utf8'))
  const infer = async () => {
    const answer = await fetch(`${node}/v2/models/earlier/infer`, {
      method: 'POST',
      headers: { authorization: `Bearer ${localKey}` },
      body: JSON.stringify({
        inputs: [{ name: 'x', datatype: 'FP32', shape: [1, 1], data: [42] }],
      }),
    })
    const { outputs }: InferAnswer = JSON.parse(await answer.text())
    return outputs[0]?.data
  }
  return { client, infer }
}

describe('data of the schema of migration 3', () => {
  test('is brought to today’s schema, and serves: nothing is lost, the log is the same', async () => {
    const size = JSON.parse(readFileSync(join(fixture, 'backup/backup.json'), 'utf8')).logSize
    const { client, infer } = await startBoth()
    expect(await infer()).toEqual([42])
    const deployment = await client.get({ kind: 'deployments', name: 'earlier' })
    expect(deployment.spec).toMatchObject({ model: 'earlier:v1' })
    const isThere = async () => {
      const { status } = await client.get({ kind: 'deployments', name: 'earlier' })
      return JSON.stringify(status['nodes'] ?? null).includes('"converged":1')
    }
    await vi.waitUntil(isThere, { timeout: 60_000, interval: 50 })
    const verified = await runTutti(['ledger', 'verify', '--home', home])
    expect(verified).toContain('ok:')
    expect(size).toBeGreaterThan(10)
  }, 120_000)

  test('is worked on: what was declared then is changed now, and the node obeys', async () => {
    const { client, infer } = await startBoth()
    const spec = { model: 'earlier:v1', strategy: { soakMs: 0, canary: { perStratum: 2 } } }
    const metadata = { name: 'earlier' }
    const document = { apiVersion: 'tutti/v1', kind: 'Deployment', metadata, spec }
    await client.apply({ kind: 'deployments', name: 'earlier' }, document)
    const isDone = async () => {
      const { metadata: now, status } = await client.get({ kind: 'deployments', name: 'earlier' })
      return now.generation === 2 && JSON.stringify(status).includes('"phase":"done"')
    }
    await vi.waitUntil(isDone, { timeout: 60_000, interval: 50 })
    await client.apply(
      { kind: 'budgets', name: 'new' }, // of a table that was not there then
      {
        ...{ apiVersion: 'tutti/v1', kind: 'Budget', metadata: { name: 'new' } },
        spec: { limitDollars: 1, window: 'total' },
      },
    )
    expect(await infer()).toEqual([42])
    const { workflow } = JSON.parse(readFileSync(join(home, 'credentials.json'), 'utf8'))
    const { url } = JSON.parse(readFileSync(join(home, 'context.json'), 'utf8'))
    const { principal } = await new Client({ url, key: workflow }).whoami()
    expect(principal.roles).toEqual(['caller']) // workflows had no key then
  }, 120_000)

  test('of a schema that is not known yet is refused with what to do', async () => {
    const path = join(folder, 'earlier/backup/backup.json')
    const manifest = JSON.parse(readFileSync(path, 'utf8'))
    writeFileSync(path, JSON.stringify({ ...manifest, migration: 9_999 }))
    await expect(restore()).rejects.toThrow(/migration 9999.*upgrade Tutti/)
  }, 60_000)

  test('a node’s folder of a later version is refused with what to do', async () => {
    const path = join(folder, 'earlier/node/state.json')
    const state = JSON.parse(readFileSync(path, 'utf8'))
    writeFileSync(path, JSON.stringify({ ...state, ofTheFuture: true }))
    const data = join(folder, 'earlier/node')
    await expect(start('node', '--data', data, '--url', 'http://127.0.0.1:9')).rejects.toThrow(
      /state-unreadable|restore it/,
    )
  }, 60_000)
})
