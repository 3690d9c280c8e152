import { createRequire } from 'node:module'
import { readAnthropicWhole } from '@tutti/core/dialect'
import { costNanos, routeSpec } from '@tutti/core/routing'
import { expect, test } from 'vitest'
import { Tally } from '../face/tally.ts'
import type { Call, Candidate } from './call.ts'
import { Cashier } from './cashier.ts'
import type { ProviderEntry } from './directory.ts'
import { PriceBook } from './price-book.ts'

const provider: ProviderEntry = {
  ...{ name: 'openai', project: 'default', dialect: 'openai' },
  ...{ baseUrl: 'https://api.openai.com/v1', allowPrivateNetwork: false },
}

function candidateFor(target: object, allowPrivateNetwork = false) {
  const [parsed] = routeSpec.parse({ targets: [{ provider: 'openai', ...target }] }).targets
  if (parsed === undefined) throw new Error('a route has a target')
  const of = { target: parsed, provider: { ...provider, allowPrivateNetwork }, node: null }
  return of as unknown as Candidate
}

const priceFor = (target: object, isPrivate?: boolean) =>
  new PriceBook(Date.now).priceOf(candidateFor(target, isPrivate))

test('the list is read with the first snapshot whose prices it may hold', () => {
  const require = createRequire(import.meta.url)
  const isRead = () => require.resolve('@pydantic/genai-prices') in require.cache
  priceFor({ model: 'gpt-4o-mini', price: { inputPerMillion: 7 } })
  priceFor({ model: 'gpt-4o-mini' }, true)
  expect(isRead()).toBe(false)
  new PriceBook(Date.now).renew({ providers: [{ ...provider, allowPrivateNetwork: true }] })
  expect(isRead()).toBe(false)
  new PriceBook(Date.now).renew({ providers: [provider] })
  expect(isRead()).toBe(true)
})

test('a list price says which list it is from, its version and the day', () => {
  const price = priceFor({ model: 'gpt-4o-mini' })
  expect(price?.input.base).toBeGreaterThan(0)
  expect(price?.list).toMatch(/^@pydantic\/genai-prices \d+\.\d+\.\d+ \d{4}-\d\d-\d\d$/)
})

test('a price of one’s own, an engine of one’s own and a model that nobody knows are in no list', () => {
  const own = priceFor({ model: 'gpt-4o-mini', price: { inputPerMillion: 7 } })
  expect([own?.input.base, own?.list]).toEqual([7, null])
  expect(priceFor({ model: 'gpt-4o-mini' }, true)).toMatchObject({ input: { base: 0 }, list: null })
  expect(priceFor({ model: 'nobody-knows-it' })).toBeNull()
})

function listedAt(baseUrl: string, model: string) {
  const candidate = candidateFor({ model })
  const of = { target: candidate.target, provider: { ...provider, baseUrl } }
  const clock = { nowMs: Date.UTC(2025, 5, 1, 16, 29) }
  const book = new PriceBook(() => clock.nowMs)
  return { clock, price: () => book.priceOf(of) }
}

test('a price that depends on the time of day is the one of the time, under one snapshot', () => {
  const { clock, price } = listedAt('https://api.deepseek.com/v1', 'deepseek-chat')
  const byDay = price()?.output.base ?? 0
  clock.nowMs += 60_000
  expect(price()?.output.base).toBe(byDay / 2)
  clock.nowMs += 8 * 3_600_000
  expect(price()?.output.base).toBe(byDay)
})

test('what a provider takes for each request is part of its price', () => {
  const price = listedAt('https://api.perplexity.ai', 'sonar').price()
  expect(price?.perCall).toBeGreaterThan(0)
  expect(price?.input.base).toBeGreaterThan(0)
})

test.each([
  ['https://api.perplexity.ai', 'sonar-deep-research'], // searches of its own, and what they cite
  ['https://generativelanguage.googleapis.com', 'gemini-2.5-flash-image'], // answers in images
  ['https://api.openai.com/v1', 'whisper-1'], // by the hour
])('at %s nobody knows what %s costs (L1)', (baseUrl, model) => {
  expect(listedAt(baseUrl, model).price()).toBeNull()
})

test.each([
  ['https://api.openai.com/v1', 'gpt-4o-mini'],
  ['https://api.openai.com/v1', 'text-embedding-3-small'],
  ['https://api.anthropic.com/v1', 'claude-opus-4-6'],
  ['https://generativelanguage.googleapis.com', 'gemini-2.5-flash'],
])('at %s it is known what %s costs', (baseUrl, model) => {
  expect(listedAt(baseUrl, model).price()?.input.base).toBeGreaterThan(0)
})

test('a target of a call that began before a snapshot costs what it costs at whoever answers for it now (L2)', () => {
  const { target } = candidateFor({ model: 'gpt-4o-mini' })
  const book = new PriceBook(Date.now)
  const [own, outside] = [{ ...provider, allowPrivateNetwork: true }, provider]
  book.renew({ providers: [outside] })
  const costs = [own, outside, own].map((one) => book.priceOf({ target, provider: one })?.list)
  expect(costs).toEqual([null, expect.stringContaining('genai-prices'), null])
})

test('what Anthropic keeps for an hour costs more than what it keeps for minutes', () => {
  const candidate = candidateFor({ model: 'claude-opus-4-6' })
  const anthropic = { ...provider, baseUrl: 'https://api.anthropic.com/v1' }
  const price = new PriceBook(Date.now).priceOf({ target: candidate.target, provider: anthropic })
  const costOf = (ephemeral_1h_input_tokens: number) => {
    const counted = {
      ...{ input_tokens: 0, output_tokens: 0, cache_creation_input_tokens: 1_000 },
      cache_creation: { ephemeral_1h_input_tokens },
    }
    const body = { content: [], stop_reason: 'end_turn', usage: counted }
    const read = readAnthropicWhole(JSON.stringify(body))
    if (price === null || read.kind !== 'complete' || read.usage === null) throw new Error('none')
    return costNanos(price, read.usage)
  }
  expect(costOf(1_000) / costOf(0)).toBeCloseTo(2 / 1.25)
  expect(costOf(400)).toBe(0.6 * costOf(0) + 0.4 * costOf(1_000))
})

test('what a call was charged by is known to whoever records it', async () => {
  const cashier = new Cashier({
    nowMs: () => 0,
    prices: new PriceBook(Date.now),
    purses: {} as never,
  })
  const tally = new Tally()
  const onCharge: Call['onCharge'] = (charge) => tally.add(charge)
  const bounds = { inputTokens: 1, outputTokens: 1, answers: 1, unpriced: null }
  const call = { budgets: [], bounds, onCharge } as unknown as Call
  const paid = await cashier.reserve(call, candidateFor({ model: 'gpt-4o-mini' }))
  if (!('settle' in paid)) throw new Error(paid.reason)
  const usage = { input: 9, output: 3, cached: 0, cacheWritten: 0, reasoning: 0 }
  paid.settle({ usage, isEstimated: false })
  expect(tally.costNanos).toBeGreaterThan(0)
  expect(tally.priceList).toContain('@pydantic/genai-prices')
})
