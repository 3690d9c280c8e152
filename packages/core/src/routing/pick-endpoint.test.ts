import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { orderByWeight, type PickCandidate, pickEndpoint } from './pick-endpoint.ts'

const candidate = fc.record({
  url: fc.constantFrom('a', 'b', 'c', 'd', 'e'),
  region: fc.constantFrom('north', 'south'),
  inflight: fc.nat(20),
  release: fc.constantFrom('r1', 'r2'),
  healthy: fc.boolean(),
})
const candidates = fc.uniqueArray(candidate, { selector: ({ url }) => url })
const unit = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true })

describe('pick endpoint', () => {
  test('takes a fresh, healthy one where there is one', () => {
    fc.assert(
      fc.property(candidates, fc.subarray(['a', 'b', 'c']), unit, unit, (all, tried, u, v) => {
        const failedReleases = new Set(['r1'])
        const context = {
          region: 'north',
          tried: new Set(tried),
          failedReleases,
          chance: [u, v] as const,
        }
        const picked = pickEndpoint(all, context)
        expect(picked === null).toBe(all.length === 0)
        const best = all.filter((one) => one.healthy && !tried.includes(one.url))
        if (best.length > 0) expect(best).toContain(picked)
        const better = best.filter(({ release }) => release !== 'r1')
        if (better.length > 0) expect(better).toContain(picked)
      }),
    )
  })

  test('of two it takes the one with less to do, a hop away counting as two', () => {
    const near = { url: 'near', region: 'north', inflight: 3, healthy: true, release: '' }
    const far = { url: 'far', region: 'south', inflight: 2, healthy: true, release: '' }
    const context = {
      region: 'north',
      tried: new Set<string>(),
      failedReleases: new Set<string>(),
      chance: [0, 0] as const,
    }
    expect(pickEndpoint([near, far], context)).toBe(near)
    expect(pickEndpoint([{ ...near, inflight: 5 }, far], context)).toBe(far)
  })

  const of = { region: '', inflight: 0, healthy: true, release: '' }
  const nowhere = { region: '', tried: new Set<string>(), failedReleases: new Set<string>() }
  const pickAt = (u: number, v: number, ...all: readonly PickCandidate[]) =>
    pickEndpoint(all, { ...nowhere, chance: [u, v] })?.url

  test('of two that have as much to do it takes the one that chance named first', () => {
    const [a, b] = ['a', 'b'].map((url) => ({ ...of, url }))
    if (a === undefined || b === undefined) throw new Error('there are two')
    expect([pickAt(0, 0, a, b), pickAt(0.9, 0, a, b)]).toEqual(['a', 'b'])
    expect(pickAt(0, 0, { ...a, inflight: 1 }, b)).toBe('b')
  })

  test('one that it can dial comes before one that has to be reached by its own connection', () => {
    const relayed = { ...of, url: 'relayed', isRelayed: true }
    const direct = { ...of, url: 'direct', inflight: 9 }
    for (const u of [0, 0.9]) expect(pickAt(u, 0, relayed, direct)).toBe('direct')
    expect(pickAt(0, 0, relayed, { ...direct, healthy: false })).toBe('relayed')
    expect(pickAt(0, 0, relayed)).toBe('relayed')
  })

  test('where a Route scores them the lowest is taken, and of equals the one that chance named', () => {
    const scored = [3, 1, 2, 1].map((score, i) => ({ ...of, url: `${i}`, score, inflight: i }))
    const picked = [0, 0.25, 0.5, 0.75].map((u) => pickAt(u, 0.9, ...scored))
    expect(picked).toEqual(['1', '1', '1', '3'])
  })

  test('a weight of 0 leaves one target out, too, and orders of two are by weight', () => {
    const [some, none] = [{ weight: 1 }, { weight: 0 }]
    expect([orderByWeight([none], () => 0), orderByWeight([some], () => 0)]).toEqual([[], [some]])
    const [heavy, light] = [{ weight: 3 }, { weight: 1 }]
    const draws = [0.5, 0.5]
    expect(orderByWeight([light, heavy], () => draws.pop() ?? 0)).toEqual([heavy, light])
    expect(orderByWeight([none, some], () => 0)).toEqual([some])
  })

  test('weights decide how often a target comes first; a weight of 0 never does', () => {
    const targets = [
      { name: 'a', weight: 3 },
      { name: 'b', weight: 1 },
      { name: 'c', weight: 0 },
    ]
    let seed = 1
    const chance = () => {
      seed = (Math.imul(seed, 1_664_525) + 1_013_904_223) >>> 0
      return seed / 2 ** 32
    }
    const firsts = Array.from({ length: 4_000 }, () => orderByWeight(targets, chance)[0]?.name)
    const share = firsts.filter((name) => name === 'a').length / firsts.length
    expect(share).toBeGreaterThan(0.72)
    expect(share).toBeLessThan(0.78)
    expect(firsts).not.toContain('c')
  })
})
