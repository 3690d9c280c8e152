// The real store, by the contract of all stores; and who may use it.

import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import { responseStoreContract } from '../../../core/src/routing/response-store.fixture.ts'
import { openDatabase, type Sql } from '../store/index.ts'
import { apply, bed, call, folder, makeKey, usePlane } from '../test-plane.fixture.ts'
import { openStoredResponses, type StoredResponses } from './stored-responses.ts'

usePlane()

const id = `resp_tutti_${'a'.repeat(32)}`
const stored = {
  ...{ id, project: 'default', route: 'chat', expiresAtMs: 2 ** 45, items: [], response: {} },
}

describe('in the database', () => {
  let now = Date.now() + 86_400_000 // the control plane beside it sweeps by the clock of today
  let opened: StoredResponses | undefined
  let sql: Sql | undefined
  beforeAll(async () => {
    ;({ sql } = await openDatabase({ url: undefined, dataFolder: folder }))
    opened = openStoredResponses(sql, () => now)
  })
  afterAll(() => sql?.end())
  const store = () => {
    if (opened === undefined) throw new Error('it is opened first')
    return opened
  }
  responseStoreContract({
    store,
    nowMs: () => now,
    passMs: (ms) => {
      now += ms
    },
  })

  test('what has run out is swept, and nothing else', async () => {
    const late = { ...stored, id: id.replace('a', 'b'), expiresAtMs: now + 5 }
    await store().save(late)
    await store().save({ ...stored, id: id.replace('a', 'c') })
    now += 10
    await store().sweep()
    now -= 10
    expect(await store().load(late)).toBeNull()
    expect(await store().load({ ...stored, id: id.replace('a', 'c') })).not.toBeNull()
  })
})

test('a response is kept no longer than its Route says by now (P1)', async () => {
  const engine = { dialect: 'openai', baseUrl: 'https://engine.example/v1' }
  expect((await apply('Provider', 'e', engine)).status).toBe(201)
  const declare = async (days: number) => {
    const spec = { targets: [{ provider: 'e', model: 'm' }], responses: { days } }
    expect((await apply('Route', 'shorter', spec)).status).toBeLessThan(300)
  }
  await declare(30)
  const { sql } = await openDatabase({ url: undefined, dataFolder: folder })
  onTestFinished(() => sql.end())
  let now = Date.now() - 5 * 86_400_000
  const store = openStoredResponses(sql, () => now)
  const ids = ['d', 'e'].map((letter) => id.replace('a', letter))
  const [own = '', other = ''] = ids
  await store.save({ ...stored, id: own, route: 'shorter', expiresAtMs: now + 30 * 86_400_000 })
  await store.save({ ...stored, id: other, route: 'else' })
  now = Date.now()
  const found = async () =>
    await Promise.all(ids.map(async (one) => (await store.load({ ...stored, id: one })) !== null))
  expect(await found()).toEqual([true, true])
  await declare(1)
  expect(await found()).toEqual([false, true]) // before anything is swept
  await store.sweep()
  await declare(30)
  expect(await found()).toEqual([false, true])
})

test('only gateways may, and only what is whole', async () => {
  const key = bed.plane.credentials?.gateway ?? ''
  const path = `/stored-responses/default/${id}`
  const caller = await makeKey('reads-answers', ['caller'])
  for (const method of ['GET', 'DELETE']) {
    expect((await call(method, path, undefined, { key: caller })).status).toBe(403)
  }
  expect((await call('PUT', path, stored, { key: caller })).status).toBe(403)
  expect((await call('PUT', path, { ...stored, project: 'other' }, { key })).status).toBe(422)
  expect((await call('PUT', path, { ...stored, items: 3 }, { key })).status).toBe(422)
  expect((await call('GET', path, undefined, { key })).status).toBe(404)
  expect((await call('PUT', path, stored, { key })).status).toBe(204)
  expect((await call('GET', path, undefined, { key })).body).toEqual(stored)
  expect((await call('DELETE', path, undefined, { key })).status).toBe(204)
  const exact = JSON.stringify(stored).replace(
    '"response":{}',
    '"response":{"large":1234567890123456789.5}',
  )
  expect((await call('PUT', path, exact, { key })).status).toBe(204)
  const headers = { authorization: `Bearer ${key}` }
  const found = await fetch(`${bed.plane.url}/api/v1${path}`, { headers })
  expect(await found.text()).toContain('"response":{"large":1234567890123456789.5}')
  expect((await call('DELETE', path, undefined, { key })).status).toBe(204)
  expect((await call('DELETE', path, undefined, { key })).status).toBe(404)
})
