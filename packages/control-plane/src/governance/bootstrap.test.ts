// The first start and the commit of changes against a database of one's own: every step fails once.

import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { canonicalJson } from '@tutti/core/resource'
import { afterAll, beforeAll, expect, test } from 'vitest'
import {
  allResources,
  ChangeLine,
  commitChange,
  type Database,
  loadResource,
  openBlobs,
  openDatabase,
  type Sql,
  sha256,
} from '../store/index.ts'
import { bootstrap } from './bootstrap.ts'
import { loadIdentity } from './identity.ts'
import { openPolicyEngine } from './policy-engine.ts'
import { submitChange } from './submit-change.ts'

const folder = mkdtempSync(join(tmpdir(), 'tutti-bootstrap-'))
let database: Database

beforeAll(async () => {
  database = await openDatabase({ url: undefined, dataFolder: folder })
})
afterAll(async () => {
  await database.stop()
  rmSync(folder, { recursive: true, force: true })
})

/** A pool whose transactions fail from the `n`-th on: the process died there. */
function dyingAfter(sql: Sql, n: number): Sql {
  let begun = 0
  return new Proxy(sql, {
    get: (target, name) => {
      const value = Reflect.get(target, name)
      if (name !== 'begin') return value
      return (...args: unknown[]) => {
        begun += 1
        if (begun > n) throw new Error('killed here')
        return Reflect.apply(value, target, args)
      }
    },
  })
}

const at = { nowMs: 1, publishers: [], approvalKey: undefined }

test('a first start that was killed at any step is finished by the next one, with keys that work', async () => {
  const { sql } = database
  for (let n = 0; n < 9; n++) {
    await expect(bootstrap(dyingAfter(sql, n), at)).rejects.toThrow('killed here')
  }
  const credentials = await bootstrap(sql, at)
  for (const name of ['admin', 'gateway', 'workflow'] as const) {
    const key = await loadResource(sql, { kind: 'Key', project: 'default', name })
    expect(key?.spec).toMatchObject({ hash: sha256(credentials?.[name] ?? '') })
  }
  expect(await allResources(sql, 'Policy')).toHaveLength(5)
  expect(await bootstrap(sql, at)).toBeNull()
})

test('I1: what fails in the transaction of a change leaves neither state nor record', async () => {
  const { sql } = database
  const count = async () => (await sql`select 1 from ledger_entry`).length
  const key = { kind: 'Project', project: '', name: 'half' }
  const write = { key, baseGeneration: 0, labels: {}, annotations: {}, spec: {} }
  const draft = {
    ...({ atMs: 1, principal: 'User::"x"', action: 'create', digest: sha256('') } as const),
    ...{ policies: [], policySet: sha256(''), approvals: [], summary: '' },
  }
  const before = await count()
  const fails = async () => {
    throw new Error('alongside failed')
  }
  await expect(commitChange(sql, write, draft, fails)).rejects.toThrow('alongside failed')
  expect([await loadResource(sql, key), await count()]).toEqual([null, before])
  const unwritable = { ...draft, digest: 'no digest' } // the record does not parse
  await expect(commitChange(sql, write, unwritable)).rejects.toThrow()
  expect([await loadResource(sql, key), await count()]).toEqual([null, before])
  expect((await commitChange(sql, write, draft)).ok).toBe(true)
  expect(await count()).toBe(before + 1)
  expect((await commitChange(sql, write, draft)).ok).toBe(false) // built on nothing, but it is there
  expect(await count()).toBe(before + 1)
})

test('P3: an approved change that has become another in the meantime is a conflict', async () => {
  const { sql } = database
  const identity = loadIdentity(folder)
  const blobs = await openBlobs(join(folder, 'blobs'))
  const cedar = '@id("all") permit(principal, action, resource);'
  const engine = openPolicyEngine([{ name: 'all', spec: { cedar, description: '' } }])
  const ports = {
    sql,
    changes: new ChangeLine(sql),
    blobs,
    identity,
    policies: async () => engine,
    nowMs: () => 1,
  }
  const metadata = { name: 'approved', project: '', labels: {}, annotations: {} }
  const request = {
    principal: { type: 'User', id: 'ann', roles: [], project: 'default', key: 'ann' } as const,
    change: { kind: 'apply', declared: { kind: 'Project', metadata, spec: {} } } as const,
    ...{ dryRun: false, approvals: [] },
  }
  const planned = await submitChange(ports, { ...request, dryRun: true })
  const digest = planned.outcome === 'planned' ? planned.plan.digest : ''
  const stale = await submitChange(ports, { ...request, approved: sha256(canonicalJson('other')) })
  expect(stale.outcome).toBe('conflict')
  expect(await loadResource(sql, { kind: 'Project', project: '', name: 'approved' })).toBeNull()
  const done = await submitChange(ports, { ...request, approved: digest })
  expect(done.outcome).toBe('committed')
})
