// What gateways tell of usage, on the real Postgres: once each, and to whom it may be told.

import type { UsageRow } from '@tutti/core/routing'
import { describe, expect, test } from 'vitest'
import { usagePlaneContract } from '../../../core/src/routing/usage-plane.fixture.ts'
import { openDatabase } from '../store/index.ts'
import { apply, bed, call, folder, makeKey, usePlane } from '../test-plane.fixture.ts'
import { takeUsage } from './usage.ts'

usePlane()

const hourMs = Math.floor(Date.now() / 3_600_000) * 3_600_000
const row = (change: Partial<UsageRow>): UsageRow => ({
  ...{ hourMs, project: 'default', key: 'app', route: 'chat', model: 'engine/llama' },
  ...{ requests: 1, failed: 0, inputTokens: 10, outputTokens: 5, cachedTokens: 2 },
  ...{ costNanos: 3_000_000, unpriced: 0 },
  ...change,
})

async function tell(gateway: string, sequence: number, rows: readonly UsageRow[]) {
  const key = bed.plane.credentials?.gateway ?? ''
  const { status } = await call('POST', '/usage', { gateway, sequence, rows }, { key })
  expect(status).toBe(200)
}

async function ask(query: string, key?: string) {
  const of = key === undefined ? {} : { key }
  const { status, body } = await call('GET', `/usage?${query}`, undefined, of)
  return { status, rows: body.rows }
}

describe('usage', () => {
  let blind: string | undefined
  usagePlaneContract({
    tell: async (report) => {
      const key = bed.plane.credentials?.gateway ?? ''
      return (await call('POST', '/usage', report, { key })).status
    },
    ask: async (query) => await call('GET', `/usage?${query}`),
    askBlind: async (query) => {
      blind ??= await makeKey('bill', ['caller'])
      return await call('GET', `/usage?${query}`, undefined, { key: blind })
    },
  })

  test('a report that waited for weeks counts no more, if it came before', async () => {
    const { sql } = await openDatabase({ url: undefined, dataFolder: folder })
    const report = (gateway: string) => ({
      ...{ gateway, sequence: 1, rows: [row({ key: 'waited', hourMs: hourMs - 3_600_000 })] },
    })
    const dayMs = 86_400_000
    const nowMs = hourMs - 60 * dayMs
    await takeUsage(sql, report('gateway-w'), nowMs)
    await takeUsage(sql, report('gateway-v'), nowMs + 40 * dayMs)
    await takeUsage(sql, report('gateway-w'), nowMs + 41 * dayMs)
    const rows = await sql<{ requests: string }[]>`
      select requests from usage_hour where key = 'waited'`
    await sql.end()
    expect(rows.map(({ requests }) => Number(requests))).toEqual([2])
  })

  test('is told of the projects that the caller may read, and of no others', async () => {
    expect((await apply('Project', 'team', {})).status).toBe(201)
    await tell('gateway-c', 1, [row({ project: 'team' }), row({ project: 'gone' })])
    const reader = await makeKey('rita', ['caller'])
    expect((await ask('by=project', reader)).status).toBe(403)
    const { rows } = await ask('by=project')
    expect(rows.map(({ project }: { project: string }) => project).sort()).toEqual([
      'default',
      'team',
    ])
  })

  test('a Project that is none is said with the nearest one, to who may read Projects', async () => {
    expect((await apply('Project', 'berlin', {})).status).toBe(201)
    const { status, body } = await call('GET', '/usage?project=berlim')
    expect([status, body.error.message]).toEqual([
      404,
      'there is no Project berlim: did you mean berlin?',
    ])
    const key = await makeKey('carl', ['caller'])
    const blind = (name: string) => call('GET', `/usage?project=${name}`, undefined, { key })
    const [none, there] = [await blind('berlim'), await blind('berlin')]
    expect([none.status, there.status]).toEqual([403, 403])
    expect(none.body.error.message.replace('berlim', 'berlin')).toBe(there.body.error.message)
  })

  test('what a Project used is told when it has been deleted, to whom it was told before', async () => {
    const labels = { secrecy: 'high' }
    expect((await apply('Project', 'past', {}, { metadata: { labels } })).status).toBe(201)
    const cedar = `@id("high") forbid(principal, action == Action::"read", resource is Project)
      when { resource.hasTag("secrecy") } unless { principal in Role::"admin" };`
    expect((await apply('Policy', 'high', { cedar })).status).toBe(201)
    await tell('gateway-p', 1, [row({ project: 'past', key: 'once' })])
    expect((await call('DELETE', '/projects/past')).status).toBe(200)
    const { status, rows } = await ask('project=past&by=key')
    expect([status, rows]).toMatchObject([200, [{ key: 'once', requests: 1 }]])
    expect((await ask('by=project')).rows).toContainEqual(
      expect.objectContaining({ project: 'past', requests: 1 }),
    )
    const viewer = await makeKey('vera', ['viewer'])
    expect((await ask('project=past', viewer)).status).toBe(403)
    expect((await ask('project=default', viewer)).status).toBe(200)
  })

  test('only gateways tell, and only what makes sense is asked', async () => {
    const key = await makeKey('cody', ['caller'])
    const report = { gateway: 'gateway-x', sequence: 1, rows: [] }
    expect((await call('POST', '/usage', report, { key })).status).toBe(403)
    expect((await ask('by=colour')).status).toBe(422)
    const admin = bed.plane.credentials?.gateway ?? ''
    const bad = { ...report, rows: [row({ requests: -1 })] }
    expect((await call('POST', '/usage', bad, { key: admin })).status).toBe(422)
  })
})
