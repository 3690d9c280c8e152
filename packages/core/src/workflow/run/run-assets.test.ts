import { expect, test } from 'vitest'
import type { Json } from '../../resource/index.ts'
import { prepareWorkflow } from './index.ts'
import { type Act, document, play } from './world.fixture.ts'

const read = (value: Json) => ({ name: '', partition: '', value })
const set = (values: object, tutti: object, more: object = {}) => ({
  ...{ set: values, metadata: { tutti } },
  ...more,
})
/** Values of assets as they are asked for, each by its name and partition. */
const act: Act = (action) =>
  action.type === 'need-assets'
    ? { output: action.needs.map(({ name, partition }) => read(`${name}/${partition}`)) }
    : { output: null }

test('a task sees the assets that it needs, and its result becomes one after it is written', () => {
  const needs = [
    { asset: 'limits' },
    { asset: 'days', partition: '${ .days }', freshness: 'PT1H' },
    { asset: 'one', partition: '.days[0]' },
  ]
  const learn = set(
    { all: '${ $assets }' },
    { needs, asset: { name: 'model', partition: '.all.one' } },
    { output: { as: '{all: .all, seen: $assets.limits}' }, export: { as: '$assets.limits' } },
  )
  const story = play(
    document([{ learn }, { then: { set: { c: '${ $context }' } } }]),
    { days: ['d1', 'd2'] },
    { act },
  )
  const all = { limits: 'limits/', days: { d1: 'days/d1', d2: 'days/d2' }, one: 'one/d1' }
  expect(story.outcome).toEqual({ status: 'completed', output: { c: 'limits/' } })
  const value = { all, seen: 'limits/' }
  expect(story.actions).toEqual([
    {
      type: 'need-assets',
      needs: [
        { name: 'limits', partition: '', freshMs: null, produce: null },
        { name: 'days', partition: 'd1', freshMs: 3_600_000, produce: null },
        { name: 'days', partition: 'd2', freshMs: 3_600_000, produce: null },
        { name: 'one', partition: 'd1', freshMs: null, produce: null },
      ],
    },
    { type: 'make-asset', name: 'model', partition: 'one/d1', value, madeAtMs: 1_000 },
  ])
  expect(story.keys.slice(0, 3)).toEqual([
    ...['/do/0/learn!needs', '/do/0/learn', '/do/0/learn!asset'],
  ])
})

test('what makes an asset gets its partition; the input of the document counts more', () => {
  const produce = { namespace: 'plant', name: 'nightly', input: { plant: '${ .plant }' } }
  const needs = [{ asset: 'days', partition: '"d1"', produce }]
  const story = play(document([{ a: set({ b: 1 }, { needs }) }]), { plant: 'north' }, { act })
  expect(story.actions).toMatchObject([
    {
      needs: [
        {
          produce: {
            ...{ namespace: 'plant', name: 'nightly', version: 'latest' },
            input: { partition: 'd1', plant: 'north' },
          },
        },
      ],
    },
  ])
})

test('what cannot be had is the error of the task, and so is what cannot be made', () => {
  const error = { type: 'urn:x', status: 404, detail: 'there is none' }
  const none: Act = (action) => (action.type === 'need-assets' ? { error } : { output: null })
  const needy = set({ b: 1 }, { needs: [{ asset: 'x' }] })
  const caught = { catch: { do: [{ say: { set: { said: '${ $error }' } } }] } }
  const story = play(document([{ t: { try: [{ needy }], ...caught } }]), {}, { act: none })
  expect(story.outcome).toMatchObject({
    output: { said: { ...error, instance: '/do/0/t/try/0/needy' } },
  })
  const large = set({ b: '${ "x" * 40000 }' }, { asset: { name: 'x' } })
  expect(play(document([{ large }]), {}, { act }).outcome).toMatchObject({
    error: { status: 500, detail: expect.stringContaining('32768 at most') },
  })
  const odd = set({ b: 1 }, { asset: { name: 'x', partition: '.b' } })
  expect(play(document([{ odd }]), {}, { act }).outcome).toMatchObject({
    error: { detail: '1 is no name of a partition' },
  })
  const many = set({ b: 1 }, { needs: [{ asset: 'x', partition: '[range(101) | tostring]' }] })
  expect(play(document([{ many }]), {}, { act }).outcome).toMatchObject({
    error: { detail: 'a task reads 100 partitions at most, not 101' },
  })
})

test('a task that is skipped needs nothing; its limit of time counts while it waits', () => {
  const needs = [{ asset: 'x' }]
  const skipped = set({ b: 1 }, { needs }, { if: '${ false }' })
  expect(play(document([{ skipped }]), {}, { act }).actions).toEqual([])
  const late = set({ b: 1 }, { needs }, { timeout: { after: { seconds: 5 } } })
  const story = play(document([{ late }]), {}, { act: () => 'never' })
  expect(story.outcome).toMatchObject({ status: 'faulted', error: { status: 408 } })
  expect(story.endedAtMs).toBe(6_000)
})

test('a run of a workflow with partitions is of one of them, and so is what it makes', () => {
  const own = { by: 'day' }
  const parts = (
    tutti: object,
    tasks: unknown = [{ a: set({ b: 1 }, { asset: { name: 'x' } }) }],
  ) => {
    const source = Object(document(tasks))
    return { ...source, document: { ...source.document, metadata: { tutti } } }
  }
  const story = play(parts({ partition: own }), { partition: '2026-11-20' }, { act })
  expect(story.actions).toMatchObject([{ name: 'x', partition: '2026-11-20' }])
  expect(play(parts({ partition: own }), {}, { act }).outcome).toMatchObject({
    error: { status: 400, detail: expect.stringContaining('a run is of one day') },
  })
  expect(play(parts({}), {}, { act }).actions).toMatchObject([{ partition: '' }])
})

test('what is wrong with assets is said before the first run', () => {
  const said = (tutti: object, more: object = {}) => {
    const prepared = prepareWorkflow(document([{ a: set({ b: 1 }, tutti, more) }]))
    return prepared.ok ? [] : prepared.findings.map(({ path, message }) => `${path}: ${message}`)
  }
  const at = 'do.0.a.metadata.tutti'
  const [twice] = said({ needs: [{ asset: 'x' }, { asset: 'x' }] })
  expect(twice).toContain(`${at}.needs: each asset once`)
  expect(said({ needs: [{ asset: 'x', freshness: { milliseconds: 5 } }] })[0]).toContain('a second')
  expect(said({ needs: [{ asset: 'x', partition: '${ nope }' }] })[0]).toContain(`${at}.needs.0`)
  expect(said({ asset: { name: 'a b' } })[0]).toContain('letters, digits')
  expect(said({ asset: { name: 'x', partition: '$nope' } })[0]).toContain(`${at}.asset.partition`)
  expect(said({ needs: [{ asset: 'x' }] }, { if: '${ $assets.x }' })[0]).toContain('do.0.a.if')
  expect(said({}, { output: { as: '$assets.x' } })[0]).toContain('do.0.a.output')
  const cached = { asset: { name: 'x' }, cache: { ttl: 'PT1H' } }
  const call = { call: 'http', with: { method: 'get', endpoint: 'http://a' } }
  const prepared = prepareWorkflow(document([{ a: { ...call, metadata: { tutti: cached } } }]))
  expect(prepared).toMatchObject({ findings: [{ path: `${at}.asset` }] })
  const source = Object(document([{ a: { set: { b: 1 } } }], { schedule: { every: 'PT1H' } }))
  const metadata = { tutti: { partition: { keys: ['a'] } } }
  const timed = { ...source, document: { ...source.document, metadata } }
  expect(prepareWorkflow(timed)).toMatchObject({
    findings: [{ path: 'document.metadata.tutti.partition' }],
  })
})
