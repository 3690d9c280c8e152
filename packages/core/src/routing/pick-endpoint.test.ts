import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { orderByWeight, pickEndpoint } from './pick-endpoint.ts'

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
