import { expect, test } from 'vitest'
import { apply, call, makeKey, usePlane } from '../test-plane.fixture.ts'

usePlane()

const step = (tutti: object, set: object) => ({ set, metadata: { tutti } })
const flow = (name: string, tasks: unknown, tutti: object = {}) => ({
  document: {
    document: { dsl: '1.0.3', namespace: 'plant', name, version: '1.0.0', metadata: { tutti } },
    do: tasks,
  },
})
const declare = (name: string, tasks: unknown, tutti: object = {}) =>
  apply('Workflow', `plant.${name}:1.0.0`, flow(name, tasks, tutti))

/** How the run ended; the test's own time limit bounds the wait. */
async function outcomeOf(id: string) {
  for (;;) {
    const { body } = await call('GET', `/runs/${id}`)
    if (body.outcome != null) return body.outcome
  }
}
async function run(name: string, input: object = {}) {
  const { body } = await call('POST', `/workflows/plant.${name}/runs`, { input })
  return { id: body.id, outcome: await outcomeOf(body.id) }
}
const produce = { namespace: 'plant', name: 'nightly' }
const sum = step({ asset: { name: 'sums' } }, { sum: '${ .partition }' })

test('who needs a partition that is not there has it made; what is there, of what and for whom can be asked', async () => {
  await declare('nightly', [{ sum }], { partition: { by: 'day' } })
  const needs = [{ asset: 'sums', partition: '${ .days }', freshness: 'P1D', produce }]
  const week = step({ needs, asset: { name: 'week' } }, { all: '${ $assets.sums }' })
  await declare('week', [{ week }])
  const days = ['2026-11-19', '2026-11-20']
  const { id, outcome } = await run('week', { days })
  const all = { '2026-11-19': { sum: '2026-11-19' }, '2026-11-20': { sum: '2026-11-20' } }
  expect(outcome).toEqual({ status: 'completed', output: { all } })
  const { body } = await call('GET', '/assets')
  const names = body.items.map(({ name, partition }: Record<string, string>) => [name, partition])
  expect(names).toEqual([['sums', '2026-11-20'], ['sums', '2026-11-19'], [...['week', '']]])
  const { body: one } = await call('GET', '/assets/sums?partition=2026-11-20')
  expect(one.versions).toMatchObject([
    {
      ...{ workflow: 'plant.nightly:1.0.0', value: { sum: '2026-11-20' }, sources: [] },
      ...{ key: '/do/0/sum!asset', readBy: [{ run: id, key: '/do/0/week!needs' }] },
    },
  ])
  const { body: whole } = await call('GET', '/assets/week')
  expect(whole.versions[0].sources).toEqual(
    days.map((day) => ({ kind: 'needs', subject: `sums@${day}` })),
  )
  const { body: of } = await call('GET', '/runs?asset=sums@2026-11-20')
  expect(of.items.map((item: { id: string }) => item.id).sort()).toEqual(
    [id, one.versions[0].run].sort(),
  )
  const { body: lineage } = await call('GET', `/runs/${id}/openlineage`)
  expect(lineage.items[1]).toMatchObject({
    inputs: days.map((day) => ({ namespace: 'tutti://default/assets', name: `sums@${day}` })),
    outputs: [{ namespace: 'tutti://default/assets', name: 'week' }],
  })
  expect((await call('GET', '/assets/sums')).status).toBe(404)
  expect((await call('GET', '/assets/none?partition=x')).body.error.message).toBe(
    'there is no asset none@x in project default',
  )
})

test('a run says its partition; a backfill makes those of a time, or those named', async () => {
  await declare('nightly', [{ sum }], { partition: { by: 'day' } })
  const begin = (input: object) => call('POST', '/workflows/plant.nightly/runs', { input })
  expect(await begin({})).toMatchObject({
    ...{
      status: 422,
      body: { error: { message: expect.stringContaining('a run is of one day') } },
    },
  })
  expect((await begin({ partition: '2026-02-30' })).status).toBe(422)
  const backfill = async (body: object, name = 'nightly') => {
    const answer = await call('POST', `/workflows/plant.${name}/backfill`, body)
    return answer.status === 202 ? answer.body.runs : answer.body.error.message
  }
  expect(await backfill({ from: '2026-10-01T00:00:00Z', until: '2026-10-03T00:00:00Z' })).toBe(2)
  for (const day of ['2026-10-01', '2026-10-02']) {
    const { value } = await newest('sums', day)
    expect(value).toEqual({ sum: day })
  }
  expect(await backfill({})).toContain('expected from and until')
  expect(await backfill({ from: '2020-01-01T00:00:00Z', until: '2026-10-03T00:00:00Z' })).toContain(
    'more than 1000 partitions',
  )
  await declare('towns', [{ sum: step({ asset: { name: 'towns' } }, { of: '${ .partition }' }) }], {
    partition: { keys: ['berlin', 'rome', 'oslo'] },
  })
  expect(await backfill({ partitions: ['rome'] }, 'towns')).toBe(1)
  expect((await newest('towns', 'rome')).value).toEqual({ of: 'rome' })
  expect(await backfill({ partitions: ['paris'] }, 'towns')).toContain('got "paris"')
  expect(await backfill({}, 'towns')).toBe(3)
  expect((await newest('towns', 'oslo')).value).toEqual({ of: 'oslo' })
})

/** The newest version, once there is one. */
async function newest(name: string, partition: string) {
  for (;;) {
    const { status, body } = await call('GET', `/assets/${name}?partition=${partition}`)
    if (status === 200) return body.versions[0]
  }
}

test('assets of another project are refused to who may not read there, and none of a run', async () => {
  await declare('pay', [{ sum: step({ asset: { name: 'pay' } }, { sum: 7 }) }])
  await run('pay')
  await apply('Project', 'other', {})
  const key = await makeKey('omar', ['operator'], {}, 'other')
  for (const path of ['/assets', '/assets/pay']) {
    expect((await call('GET', path, undefined, { key })).status).toBe(403)
    expect((await call('GET', `${path}?project=other`, undefined, { key })).status).toBe(
      path === '/assets' ? 200 : 404,
    )
  }
  const reader = flow('reader', [{ read: step({ needs: [{ asset: 'pay' }] }, { a: 1 }) }])
  const more = { key, project: 'other' }
  expect((await apply('Workflow', 'plant.reader:1.0.0', reader, more)).status).toBe(201)
  const { body } = await call('POST', '/workflows/plant.reader/runs?project=other', {}, { key })
  expect(await outcomeOf(body.id)).toMatchObject({
    error: { detail: 'there is no asset pay in this project' },
  })
})

test('policy sees which assets a run reads and makes, and what makes them for it', async () => {
  await declare('made', [{ sum: step({ asset: { name: 'made' } }, { sum: 7 }) }])
  const made = { ...produce, name: 'made' }
  await declare('needs', [{ a: step({ needs: [{ asset: 'made', produce: made }] }, { a: 1 }) }])
  const forbid = (when: string, who = 'principal') =>
    `forbid(${who}, action == Action::"run", resource is Workflow) when { ${when} };`
  const reads = 'context has plan && context.plan.assetsNeeded.contains("made")'
  await apply('Policy', 'freeze', { cedar: forbid(reads) })
  expect((await call('POST', '/workflows/plant.needs/runs', {})).status).toBe(403)
  expect((await call('POST', '/workflows/plant.made/runs', {})).status).toBe(201)
  const makes = 'context has plan && context.plan.assetsMade.contains("made")'
  const runs = 'principal == Automation::"workflow/default"'
  await call('DELETE', '/policies/freeze')
  await apply('Policy', 'nothing', { cedar: forbid(makes, runs) })
  const fresh = [{ asset: 'other', produce: made }]
  await declare('late', [{ a: step({ needs: fresh }, { a: 1 }) }])
  expect((await run('late')).outcome).toMatchObject({
    error: { status: 403, detail: expect.stringContaining('plant.made:1.0.0: denied by') },
  })
  await declare('lost', [
    { a: step({ needs: [{ asset: 'x', produce: { ...produce, name: 'none' } }] }, { a: 1 }) },
  ])
  expect((await run('lost')).outcome).toMatchObject({
    error: { detail: 'there is no workflow plant/none' },
  })
})
