// An endpoint that comes back is tried by one request at a time, also where those wait for who pays (C1).

import { routeSpec } from '@tutti/core/routing'
import { expect, test } from 'vitest'
import { snapshotOf } from '../gateway-world.fixture.ts'
import { Batch } from '../wire/index.ts'
import type { Call } from './call.ts'
import { CallTargets, type Shared } from './call-targets.ts'
import { Cashier, type Paid } from './cashier.ts'
import { makeDirectory } from './directory.ts'
import { EndpointHealth } from './endpoint-health.ts'
import type { FailedAttempt } from './failed-attempt.ts'
import { Presence } from './presence.ts'
import { PriceBook } from './price-book.ts'
import { Purses } from './purses.ts'
import { RefusedKeys } from './refused-keys.ts'
import { RetryBudget } from './retry-budget.ts'
import { TargetViews } from './target-views.ts'
import { Upstreams } from './upstreams.ts'

const baseUrl = 'http://127.0.0.1:9'

/** A cashier with whom all wait until the test says who pays. */
class SlowCashier extends Cashier {
  readonly waiting: ((paid: FailedAttempt) => void)[] = []

  override reserve(): Promise<Paid | FailedAttempt> {
    return new Promise((resolve) => this.waiting.push(resolve))
  }
}

test('while one that tries it waits for who pays no other does; then another may', async () => {
  const targets = [{ provider: 'engine', model: 'm' }]
  const route = { ...{ name: 'chat', project: 'default' }, ...routeSpec.parse({ targets }) }
  const named = { name: 'engine', project: 'default', dialect: 'openai' as const, baseUrl }
  const providers = [{ ...named, allowPrivateNetwork: true }]
  const directory = makeDirectory(snapshotOf({ routes: [route], providers }))
  let nowMs = 0
  const clock = () => nowMs
  const purses = new Purses({ ask: () => Promise.reject(new Error('nobody asks')), nowMs: clock })
  const cashier = new SlowCashier({ nowMs: clock, prices: new PriceBook(clock), purses })
  const health = new EndpointHealth()
  const upstreams = new Upstreams(new Batch())
  const shared: Shared = {
    ...{ region: '', directory: () => directory, relayOf: () => null, nowMs: clock },
    ...{ chance: () => 0, cashier, upstreams, health, retries: new RetryBudget() },
    views: new TargetViews(),
    refusedKeys: new RefusedKeys({ log: () => {}, nowMs: clock }),
  }
  const reading = {
    whole: null,
    error: () => ({ status: 500, code: '', message: '' }),
  }
  const outbound = { method: 'POST', path: '/', headers: {}, body: null, reading } as const
  const call: Call = {
    ...{ project: 'default', route, requestId: 'r', toNode: null, toProvider: () => outbound },
    ...{ mayStream: false, bounds: null, presence: new Presence(), trace: null, selection: null },
    ...{ budgets: [], dialect: 'openai', promptBytes: null, onCharge: () => {} },
  }
  const timers = {
    ...{ connectMs: 1, headersMs: 1, wholeMs: 1, firstTokenMs: 1 },
    ...{ idleMs: 1, streamMs: 1, rateMin: 0 },
  }
  const one = new CallTargets(shared, call, null)
  const other = new CallTargets(shared, call, null)
  const isWell = () => other.candidates().able.map(({ healthy }) => healthy)

  const [candidate] = one.candidates().able
  if (candidate === undefined) throw new Error('the route has a target')
  for (let i = 0; i < 3; i++) {
    health.begin(candidate.url)
    health.end(candidate.url, 'failed', nowMs)
  }
  expect(isWell()).toEqual([false])
  nowMs += 1_000
  expect(isWell()).toEqual([true])
  const started = one.start(candidate, timers, () => true)
  expect(isWell()).toEqual([false])
  const failed = { kind: 'failed', failure: 'unaffordable', reason: 'so' } as const
  cashier.waiting[0]?.(failed)
  expect(await started).toEqual(failed)
  expect([isWell(), health.inflight(candidate.url)]).toEqual([[true], 0])
  upstreams.stop()
})
