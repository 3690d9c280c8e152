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
        const able = views.map((one) => ({ ...one, condition: 'none' as const, isRefused: false }))
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
})
