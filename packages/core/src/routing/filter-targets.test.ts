import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { JsonObject } from '../dialect/index.ts'
import { type FilterView, filterTargets } from './filter-targets.ts'
import { capabilities, modalities, type RequestFacts, readFacts as read } from './request-facts.ts'
import { routeTarget } from './route.ts'

const readFacts = (body: JsonObject) => read(body, { dialect: 'openai', path: '/chat/completions' })
const asked = readFacts({ messages: [{ role: 'user', content: 'hi' }] })

const target = fc
  .record(
    {
      capabilities: fc.subarray([...capabilities]),
      modalities: fc.subarray([...modalities]),
      contextTokens: fc.integer({ min: 1, max: 200 }),
      arm: fc.constantFrom('a', 'b'),
      weight: fc.constantFrom(0, 1),
    },
    { requiredKeys: [] },
  )
  .map((of) => routeTarget.parse({ provider: 'p', model: 'm', ...of }))

const view = fc.record({
  target,
  name: fc.constant('t'),
  regions: fc.subarray(['eu', 'us']),
  worstNanos: fc.constantFrom(0, 5, 10, Infinity),
  condition: fc.constantFrom('none', 'holds', 'fails', 'broken'),
  isRefused: fc.boolean(),
}) satisfies fc.Arbitrary<FilterView>

const request = fc.record({
  capabilities: fc.subarray([...capabilities]),
  modalities: fc.subarray([...modalities]),
  textLength: fc.nat(2_000),
  outputTokens: fc.oneof(fc.nat(200), fc.constant(null)),
}) satisfies fc.Arbitrary<Partial<RequestFacts>>

const rules = fc.record({
  regions: fc.option(fc.constantFrom(['eu'], ['us'], ['eu', 'us']), { nil: undefined }),
  costNanosMax: fc.option(fc.constantFrom(4, 7), { nil: undefined }),
  arm: fc.constantFrom(null, 'a', 'b'),
})

describe('filter targets', () => {
  test('each target is kept or removed by one filter, and kept ones hold to all (F1, F2)', () => {
    fc.assert(
      fc.property(fc.array(view, { maxLength: 8 }), request, rules, (views, of, by) => {
        const named = views.map((one, i) => ({ ...one, name: String(i) }))
        const { kept, removed } = filterTargets(named, { ...asked, ...of }, by)
        expect(kept.length + removed.length).toBe(views.length)
        expect(new Set(removed.map(({ name }) => name)).size).toBe(removed.length)
        for (const one of named) {
          if (!kept.includes(one.target) || removed.some(({ name }) => name === one.name)) continue
          expect(['none', 'holds']).toContain(one.condition)
          expect(one.isRefused).toBe(false)
          expect(one.target.weight).toBe(1)
          if (by.regions !== undefined) {
            expect(one.regions.some((at) => by.regions?.some((region) => region === at))).toBe(true)
          }
          expect(one.worstNanos).toBeLessThanOrEqual(by.costNanosMax ?? Infinity)
          if (by.arm !== null) expect(one.target.arm ?? by.arm).toBe(by.arm)
          for (const wanted of of.capabilities) {
            expect(one.target.capabilities ?? capabilities).toContain(wanted)
          }
        }
      }),
    )
  })

  test('length alone leaves the largest (F3)', () => {
    fc.assert(
      fc.property(fc.array(view, { minLength: 1, maxLength: 8 }), request, (views, of) => {
        const plain = { capabilities: [], modalities: [] }
        const able = views.map((one) => {
          const target = { ...one.target, weight: 1 }
          return { ...one, target, condition: 'none' as const, isRefused: false }
        })
        const { kept, removed } = filterTargets(able, { ...asked, ...of, ...plain }, { arm: null })
        expect(kept.length).toBeGreaterThan(0)
        expect(removed.every(({ filter }) => filter === 'context-length')).toBe(true)
      }),
    )
  })

  test('the reason names what is missing', () => {
    const views = [{ capabilities: [] }, { modalities: ['audio'] }].map((of, i) => ({
      ...{ target: routeTarget.parse({ provider: 'p', model: 'm', ...of }), name: `t${i}` },
      ...{ regions: [], worstNanos: 0, condition: 'none' as const, isRefused: false },
    }))
    const facts = readFacts({
      tools: [{ type: 'function', function: { name: 'f' } }],
      messages: [{ role: 'user', content: [{ type: 'image_url', image_url: { url: 'data:' } }] }],
    })
    expect(filterTargets(views, facts, { arm: null }).removed).toEqual([
      { name: 't0', filter: 'capability', why: 'it has no tools' },
      { name: 't1', filter: 'modality', why: 'it takes no image' },
    ])
  })

  const plain = { regions: [], worstNanos: 0, condition: 'none' as const, isRefused: false }
  const viewOf = (name: string, of: object, more: Partial<FilterView> = {}): FilterView => ({
    ...{ target: routeTarget.parse({ provider: 'p', model: 'm', ...of }), name, ...plain, ...more },
  })

  test('what is said of a place, a price and a weight is what was found', () => {
    const views = [
      viewOf('far', {}, { regions: ['us', 'ap'] }),
      viewOf('lost', {}),
      viewOf('idle', { weight: 0 }),
      viewOf('dear', {}, { regions: ['eu'], worstNanos: 12_345_678 }),
      viewOf('unpriced', {}, { regions: ['eu'], worstNanos: Infinity }),
      viewOf('fair', {}, { regions: ['eu'], worstNanos: 10 }),
    ]
    const rules = { arm: null, regions: ['eu'], costNanosMax: 10 }
    const { kept, removed } = filterTargets(views, asked, rules)
    expect(kept.length).toBe(1)
    expect(removed.map(({ name, filter, why }) => [name, filter, why])).toEqual([
      ['far', 'region', 'it is in us, ap'],
      ['lost', 'region', 'nobody knows where it is'],
      ['idle', 'weight', 'its weight is 0'],
      ['dear', 'price-cap', 'it may cost 0.0123 dollars'],
      ['unpriced', 'price-cap', 'nobody knows its price'],
    ])
  })

  test('a prompt counts an eighth of its characters, and what is to be answered beside it', () => {
    const small = viewOf('small', { contextTokens: 100 })
    const large = viewOf('large', { contextTokens: 101 })
    const namesOf = (views: readonly FilterView[], of: Partial<RequestFacts>) =>
      filterTargets(views, { ...asked, ...of }, { arm: null }).removed.map(({ name }) => name)
    const all = [small, large]
    expect(namesOf(all, { textLength: 807, outputTokens: null })).toEqual([])
    expect(namesOf(all, { textLength: 808, outputTokens: null })).toEqual(['small'])
    expect(namesOf(all, { textLength: 800, outputTokens: 0 })).toEqual([])
    expect(namesOf(all, { textLength: 400, outputTokens: 51 })).toEqual(['small'])
    expect(namesOf(all, { textLength: 8_000, outputTokens: null })).toEqual(['small']) // F3
    const [removed] = filterTargets(all, { ...asked, textLength: 808 }, { arm: null }).removed
    expect(removed?.why).toBe('it takes 100 tokens, not 808 characters and 0 tokens of answer')
  })
})
