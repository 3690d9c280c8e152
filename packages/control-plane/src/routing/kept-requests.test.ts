// What is kept of requests, on the real Postgres: once, as long as it was said, as much as a project may, and given to
// whom policy lets read it.

import { randomUUID } from 'node:crypto'
import type { KeptRequest } from '@tutti/core/routing'
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import { openDatabase, type Sql } from '../store/index.ts'
import { apply, bed, call, folder, makeKey, usePlane } from '../test-plane.fixture.ts'
import { type KeptRequests, openKeptRequests } from './kept-requests.ts'

usePlane()

const farMs = 2 ** 45
const kept = (change: Partial<KeptRequest> = {}): KeptRequest => ({
  ...{ entry: randomUUID(), id: 'r', project: 'default', route: 'chat', key: 'app' },
  ...{ atMs: 1_000, expiresAtMs: farMs, record: { id: 'r', status: 200 } },
  ...{ input: { text: '{"said":"\\u0000"}', isCut: false }, output: null },
  ...change,
})

const startMs = Date.now()
/** For the thirty days that a Route gives it where it says nothing else. */
const today = { atMs: startMs, expiresAtMs: startMs + 30 * 86_400_000 }

describe('in the database', () => {
  let now = Date.now() + 86_400_000 // the control plane beside it sweeps by the clock of today
  let sql: Sql | undefined
  beforeAll(async () => {
    ;({ sql } = await openDatabase({ url: undefined, dataFolder: folder }))
  })
  afterAll(() => sql?.end())
  const open = (spaceBytes?: number): KeptRequests => {
    if (sql === undefined) throw new Error('it is opened first')
    return openKeptRequests(sql, () => now, spaceBytes)
  }
  const rowsOf = async (project: string) => {
    const rows = await sql?.unsafe(
      `select count(*) as rows, coalesce(sum(size_bytes), 0) as bytes,
        (select size_bytes from kept_request_space where project = '${project}') as space
      from kept_request where project = '${project}'`,
    )
    const row = rows?.[0]
    return { rows: Number(row?.['rows']), bytes: row?.['bytes'], space: row?.['space'] }
  }

  test('once, whoever says it how often, and the newest of an id first (K1)', async () => {
    const store = open()
    const [one, other] = [kept({ project: 'once' }), kept({ project: 'once', atMs: 2_000 })]
    await Promise.all([store.take([one, other]), store.take([one]), store.take([other, one])])
    expect(await store.find('once', 'r')).toEqual([other, one])
    expect(await store.find('other', 'r')).toEqual([])
    const { rows, bytes, space } = await rowsOf('once')
    expect([rows, space]).toEqual([2, bytes])
  })

  test('not after its time, and then it is deleted, and nothing else (K2)', async () => {
    const store = open()
    const project = 'aging'
    const old = kept({ project, id: 'old', expiresAtMs: now + 5 })
    await store.take([old, kept({ project, id: 'young' })])
    expect(await store.find(project, 'old')).toHaveLength(1)
    now += 5
    expect(await store.find(project, 'old')).toEqual([])
    await store.sweep()
    now -= 5
    expect(await store.find(project, 'old')).toEqual([])
    expect(await store.find(project, 'young')).toHaveLength(1)
    const { rows, bytes, space } = await rowsOf(project)
    expect([rows, space]).toEqual([1, bytes])
  })

  test('a project keeps so much, the newest, and takes nothing from another (K3)', async () => {
    const project = 'small'
    const body = { text: 'x'.repeat(1_000), isCut: false }
    const all = Array.from({ length: 30 }, (_, i) =>
      kept({ project, id: `r${i}`, atMs: 1_000 + i, input: body }),
    )
    const bytes = Buffer.byteLength(JSON.stringify(all[20]))
    const store = open(10 * bytes)
    await store.take([kept({ project: 'beside' })])
    await Promise.all([store.take(all.slice(0, 15)), store.take(all.slice(15))])
    const found = await Promise.all(all.map(({ id }) => store.find(project, id)))
    expect(found.map((one) => one.length)).toEqual([
      ...new Array(20).fill(0),
      ...new Array(10).fill(1),
    ])
    expect((await rowsOf(project)).rows).toBe(10)
    expect((await rowsOf('beside')).rows).toBe(1)
  })
})

test('bodies are kept no longer than their Route, or the Provider of their tool, says by now (K2)', async () => {
  const gateway = { key: bed.plane.credentials?.gateway ?? '' }
  const atMs = Date.now() - 5 * 86_400_000
  const told = ['shorter', 'mcp/shorter', 'else'].map((route) => kept({ id: 's', route, atMs }))
  expect((await call('POST', '/requests', { requests: told }, gateway)).status).toBe(204)
  const read = async () => (await call('GET', '/requests/s?project=default')).body
  const engine = { dialect: 'openai', baseUrl: 'https://engine.example/v1' }
  expect((await apply('Provider', 'e', engine)).status).toBe(201)
  const declare = async (days: number) => {
    const route = { targets: [{ provider: 'e', model: 'm' }], bodies: { days } }
    const mcp = { bodies: { days } }
    const tools = { dialect: 'mcp', baseUrl: 'https://hub.example/mcp', mcp }
    expect((await apply('Route', 'shorter', route)).status).toBeLessThan(300)
    expect((await apply('Provider', 'shorter', tools)).status).toBeLessThan(300)
  }
  await declare(30)
  expect((await read()).items).toHaveLength(3)
  await declare(1)
  expect((await read()).items).toEqual([told[2]]) // before anything is swept
  const { sql } = await openDatabase({ url: undefined, dataFolder: folder })
  onTestFinished(() => sql.end())
  await openKeptRequests(sql, () => Date.now()).sweep()
  await declare(30)
  expect((await read()).items).toEqual([told[2]])
})

test('bodies of calls of tools are read by whom a policy lets inspect their Provider', async () => {
  const gateway = { key: bed.plane.credentials?.gateway ?? '' }
  const told = [
    kept({ ...today, id: 't', route: 'mcp/hub' }),
    kept({ ...today, id: 'u', route: 'mcp/gone' }),
  ]
  expect((await call('POST', '/requests', { requests: told }, gateway)).status).toBe(204)
  const tools = { dialect: 'mcp', baseUrl: 'https://hub.example/mcp', mcp: { bodies: {} } }
  const metadata = { labels: { team: 'tools' } }
  expect((await apply('Provider', 'hub', tools, { metadata })).status).toBe(201)
  const cedar = `@id("tools-are-read")
    permit(principal in Role::"viewer", action == Action::"inspect", resource is Provider)
    when { resource.hasTag("team") && resource.getTag("team") == "tools" };`
  expect((await apply('Policy', 'tools', { cedar })).status).toBe(201)
  const viewer = await makeKey('tess', ['viewer'])
  const read = (id: string, key: string) =>
    call('GET', `/requests/${id}?project=default`, undefined, { key })
  expect(await read('t', viewer)).toMatchObject({ status: 200, body: { items: [told[0]] } })
  expect((await read('u', viewer)).status).toBe(403)
})

test('bodies are read by whom a policy lets inspect the Route, and told by gateways alone', async () => {
  const gateway = { key: bed.plane.credentials?.gateway ?? '' }
  const spec = { targets: [{ provider: 'engine', model: 'm' }], bodies: {} }
  const engine = { dialect: 'openai', baseUrl: 'https://engine.example/v1' }
  expect((await apply('Provider', 'engine', engine)).status).toBe(201)
  const metadata = { labels: { team: 'support' } }
  expect((await apply('Route', 'helped', spec, { metadata })).status).toBe(201)
  expect((await apply('Route', 'other', spec)).status).toBe(201)
  const [helped, other] = [
    kept({ ...today, id: 'a', route: 'helped' }),
    kept({ ...today, id: 'b', route: 'other', atMs: startMs + 5 }),
  ]
  const told = { requests: [helped, other] }
  const viewer = await makeKey('vera', ['viewer', 'operator', 'caller'])
  expect((await call('POST', '/requests', told, { key: viewer })).status).toBe(403)
  expect((await call('POST', '/requests', { requests: [{}] }, gateway)).status).toBe(422)
  expect((await call('POST', '/requests', told, gateway)).status).toBe(204)
  const read = (id: string, key?: string) =>
    call('GET', `/requests/${id}?project=default`, undefined, key === undefined ? {} : { key })
  expect(await read('a')).toMatchObject({ status: 200, body: { items: [helped] } })
  expect((await read('a', viewer)).status).toBe(403) // who may read everything else
  expect((await read('a', gateway.key)).status).toBe(403)
  expect((await read('none')).status).toBe(404)
  const cedar = `@id("support-reads-its-own")
    permit(principal in Role::"viewer", action == Action::"inspect", resource is Route)
    when { resource.hasTag("team") && resource.getTag("team") == "support" };`
  expect((await apply('Policy', 'support', { cedar })).status).toBe(201)
  expect((await read('a', viewer)).status).toBe(200)
  expect((await read('b', viewer)).status).toBe(403)
  const outside = await makeKey('otto', ['viewer'], {}, 'default')
  expect((await apply('Project', 'far', {})).status).toBe(201)
  const far = await makeKey('fred', ['viewer'], {}, 'far')
  expect((await read('a', outside)).status).toBe(200)
  expect((await read('a', far)).status).toBe(403) // projects are fences
})
