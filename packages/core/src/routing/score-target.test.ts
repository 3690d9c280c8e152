// Each preset by its name: whom it takes of those that are better at one thing each.

import { expect, test } from 'vitest'
import { type Strategy, scoreTarget, type TargetView, weightsOf } from './score-target.ts'

const middling: TargetView = {
  ...{ inflight: 5, pendingBlocks: 50, uncachedBlocks: 50, priceNanos: 5_000_000 },
  ...{ latencyMs: 500, trust: 0.5, stickyClock: 5 },
}
const targets: Readonly<Record<string, TargetView>> = {
  idle: { ...middling, inflight: 0 },
  cheap: { ...middling, priceNanos: 4_000_000 },
  quick: { ...middling, latencyMs: 300 },
  cached: { ...middling, uncachedBlocks: 0 },
  known: { ...middling, stickyClock: 4 },
  trusted: { ...middling, trust: 0.9 },
  waiting: { ...middling, pendingBlocks: 10 },
}

function pickedBy(strategy: Strategy, own?: Parameters<typeof weightsOf>[1]): string {
  const weights = weightsOf(strategy, own)
  if (weights === null) return 'nobody'
  const scored = Object.entries(targets).map(([name, view]) => ({
    ...{ name, score: scoreTarget(view, weights) },
  }))
  return scored.sort((a, b) => a.score - b.score)[0]?.name ?? 'nobody'
}

test.each([
  ['least-load', 'idle'],
  ['cheapest', 'cheap'],
  ['fastest', 'quick'],
  ['prefix', 'cached'],
  ['sticky', 'known'],
  ['weighted', 'nobody'], // by chance alone
] as const)('%s takes the one that is %s', (strategy, name) => {
  expect(pickedBy(strategy)).toBe(name)
})

test('weights of one’s own replace single ones; among equals in price the idler is taken', () => {
  expect(pickedBy('cheapest', { price: 0, latency: 1 })).toBe('quick')
  const weights = weightsOf('cheapest')
  if (weights === null) throw new Error('cheapest has weights')
  expect(scoreTarget(middling, weights)).toBeGreaterThan(
    scoreTarget({ ...middling, inflight: 0 }, weights),
  )
})

test('weights of one’s own alone are all that counts', () => {
  expect(pickedBy('weighted', { trust: 1 })).toBe('trusted')
  expect(pickedBy('weighted', { pending: 1 })).toBe('waiting')
  expect(weightsOf('weighted', { trust: 2 })).toEqual({
    ...{ load: 0, pending: 0, uncached: 0, price: 0, latency: 0, trust: 2, sticky: 0 },
  })
  const weights = weightsOf('weighted', { trust: 2 })
  if (weights === null) throw new Error('it has weights')
  expect([1, 0.5, 0].map((trust) => scoreTarget({ ...middling, trust }, weights))).toEqual([
    0, 1, 2,
  ])
})
