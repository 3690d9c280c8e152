// What is set aside for an attempt, and what is charged where nobody counted.

import { noUsage } from '@tutti/core/dialect'
import { routeSpec } from '@tutti/core/routing'
import { expect, test } from 'vitest'
import { MemoryPlane } from '../memory-plane.fixture.ts'
import type { Bounds, Call, Candidate } from './call.ts'
import { Cashier } from './cashier.ts'
import { PriceBook } from './price-book.ts'
import { Purses } from './purses.ts'

const budget = { name: 'all', project: 'default', limitDollars: 1, window: 'total' as const }
const price = { inputPerMillion: 1, outputPerMillion: 10 } // 1,000 and 10,000 nano-dollars a token

function bed() {
  const [target] = routeSpec.parse({
    targets: [{ provider: 'engine', model: 'm', price, contextTokens: 1_000 }],
  }).targets
  const candidate = { target, provider: null, node: null, contextTokens: 1_000 }
  const plane = new MemoryPlane(budget.limitDollars)
  const ask: ConstructorParameters<typeof Purses>[0]['ask'] = async (asked) =>
    plane.ask({ gateway: 'gateway-1', ...asked })
  const purses = new Purses({ ask, nowMs: () => 0 })
  const clock = { nowMs: 0 }
  const prices = new PriceBook(() => 0)
  const cashier = new Cashier({ nowMs: () => clock.nowMs, prices, purses })
  return { plane, purses, cashier, clock, candidate: candidate as unknown as Candidate }
}

const bounds = (change: Partial<Bounds>): Bounds => ({
  ...{ inputTokens: 10, outputTokens: 5, answers: 1, unpriced: null },
  ...change,
})

test.each([
  ['what was asked for', {}, 10 * 1_000 + 5 * 10_000],
  ['each of several answers', { answers: 3 }, 10 * 1_000 + 3 * 5 * 10_000],
  ['all that the model takes', { outputTokens: null }, 10 * 1_000 + 1_000 * 10_000],
  ['all of it for each answer', { outputTokens: null, answers: 2 }, 10_000 + 2 * 10_000_000],
  ['what is not in the body', { inputTokens: null }, 1_000 * 1_000 + 5 * 10_000],
])('is set aside at worst: %s', (_, change, nanos) => {
  const { cashier, candidate } = bed()
  expect(cashier.worst({ bounds: bounds(change) }, candidate)).toBe(nanos)
})

test.each([
  ['deepseek-v4-pro', undefined, 393_216],
  ['kimi-k3', 1_000_000, 1_000_000],
  ['claude-opus-5', undefined, 131_072],
  ['eu.anthropic.claude-opus-5', 1_000_000, 131_072],
  ['gemini-3-pro', 1_000_000, 131_072],
  ['openai/gpt-oss-20b', 8_192, 8_192],
])('an answer that nothing bounds: of %s with a context of %s', (model, contextTokens, tokens) => {
  const { cashier, candidate } = bed()
  const target = { ...candidate.target, model }
  const asked = { ...candidate, target, contextTokens } as unknown as Candidate
  const worst = cashier.worst({ bounds: bounds({ outputTokens: null }) }, asked)
  expect(worst).toBe(10 * 1_000 + tokens * 10_000)
})

test.each([
  ['nobody counted, within what was asked for', true, 10 * 1_000 + 5 * 10_000],
  ['was counted, as it was', false, 900 * 1_000 + 900 * 10_000],
])('what %s is charged', async (_, isEstimated, nanos) => {
  const { plane, purses, cashier, candidate } = bed()
  const charges: unknown[] = []
  const onCharge: Call['onCharge'] = ({ costNanos }) => charges.push(costNanos)
  const call = { budgets: [budget], bounds: bounds({}), onCharge } as unknown as Call
  const paid = await cashier.reserve(call, candidate)
  if (!('settle' in paid)) throw new Error(paid.reason)
  paid.settle({ usage: { ...noUsage, input: 900, output: 900 }, isEstimated })
  await purses.close()
  expect([charges, plane.settledNanos]).toEqual([[nanos], nanos])
})

const outside = {
  ...{ name: 'openai', project: 'default', dialect: 'openai' },
  ...{ baseUrl: 'https://api.openai.com/v1', allowPrivateNetwork: false },
}

/** A call for a Budget, and what it is charged; `target` at a Provider of others, or of one's own. */
function callFor(target: object, change: Partial<Bounds> = {}, isOwn = false) {
  const { candidate, cashier, plane, purses, clock } = bed()
  const [own] = routeSpec.parse({ targets: [{ provider: 'openai', ...target }] }).targets
  const provider = { ...outside, allowPrivateNetwork: isOwn }
  const asked = {
    ...candidate,
    target: own,
    provider,
    contextTokens: 1_000,
  } as unknown as Candidate
  const charges: unknown[] = []
  const onCharge: Call['onCharge'] = ({ costNanos }) => charges.push(costNanos)
  const call = { budgets: [budget], bounds: bounds(change), onCharge } as unknown as Call
  return { asked, call, cashier, charges, plane, purses, clock }
}

test.each([
  ['a model that nobody knows', { model: 'nobody-knows-it' }, {}, 'its price'],
  ['what no list holds', { model: 'gpt-4o-mini' }, { unpriced: 'video' }, 'the price of video'],
])('for %s no Budget pays, and nothing is set aside (K1)', async (_, target, change, what) => {
  const { asked, call, cashier, plane, charges } = callFor(target, change)
  expect(cashier.worst(call, asked)).toBe(Infinity)
  expect(await cashier.reserve(call, asked)).toEqual({
    ...{ kind: 'failed', failure: 'unaffordable' },
    reason: `nobody knows ${what}: set a price on the target of the Route`,
  })
  expect([plane.open.size, charges]).toEqual([0, []])
  // Where nobody pays it is asked, and what it cost is not known.
  const paid = await cashier.reserve({ ...call, budgets: [] }, asked)
  if (!('settle' in paid)) throw new Error(paid.reason)
  expect(paid.isFree).toBe(false)
})

test('a price of one’s own, or of an engine of one’s own, is taken for all there is', async () => {
  for (const [target, isOwn] of [
    [{ model: 'gpt-4o-mini', price }, false],
    [{ model: 'nobody-knows-it' }, true],
  ] as const) {
    const { asked, call, cashier } = callFor(target, { unpriced: 'video' }, isOwn)
    expect('settle' in (await cashier.reserve(call, asked))).toBe(true)
    expect(cashier.worst(call, asked)).toBeLessThan(Infinity)
  }
})

test('what is free is asked though its Budget is used up, and leaves it as it was', async () => {
  const { asked, call, cashier, plane, charges } = callFor({ model: 'm' }, {}, true)
  plane.settledNanos = 1e9 // all of it
  const paid = await cashier.reserve(call, asked)
  if (!('settle' in paid)) throw new Error(paid.reason)
  expect(paid.isFree).toBe(true)
  paid.settle({ usage: { ...noUsage, input: 900 }, isEstimated: false })
  expect([charges, plane.settledNanos, plane.open.size]).toEqual([[0], 1e9, 0])
})

test('what was never sent costs nothing, and what was set aside for it is there again (K2)', async () => {
  const { asked, call, cashier, plane, purses, charges } = callFor({ model: 'm', price })
  const paid = await cashier.reserve(call, asked)
  if (!('settle' in paid)) throw new Error(paid.reason)
  paid.settle(null)
  await purses.close()
  expect([charges, plane.settledNanos]).toEqual([[], 0])
})

test('what is paid by the second is charged for the time since it was sent', async () => {
  const timed = { perSecond: 0.001, secondsMax: 60 }
  const { asked, call, cashier, charges, clock } = callFor({ model: 'm', price: timed })
  clock.nowMs = 5_000
  const paid = await cashier.reserve(call, asked)
  if (!('settle' in paid)) throw new Error(paid.reason)
  clock.nowMs = 7_500
  paid.settle({ usage: noUsage, isEstimated: false })
  expect(charges).toEqual([2.5 * 1e6])
})
