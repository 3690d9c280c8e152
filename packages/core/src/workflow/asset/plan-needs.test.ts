import fc from 'fast-check'
import { expect, test } from 'vitest'
import { type AssetNeed, assetName, type NeedView, planNeeds, reaches } from './plan-needs.ts'

const produce = { namespace: 'a', name: 'b', version: 'latest', input: {} }
const need = (name: string, more: Partial<AssetNeed> = {}): AssetNeed => ({
  ...{ name, partition: '', freshMs: 10, produce },
  ...more,
})
const view = (of: AssetNeed, more: Partial<NeedView> = {}): NeedView => ({
  ...{ need: of, newest: null, production: null, ended: null },
  ...more,
})
const alone = { rounds: 0, depth: 0 }
const reason = (views: readonly NeedView[], at = alone) => {
  const plan = planNeeds(views, at, 100)
  return plan.phase === 'failed' ? plan.reason : plan.phase
}

test('N1: as old as it may be is fresh, a moment older is not; without a limit any age is', () => {
  const aged = (madeAtMs: number, freshMs: number | null) =>
    planNeeds([view(need('a', { freshMs }), { newest: { madeAtMs, run: 'r' } })], alone, 100).phase
  expect([aged(90, 10), aged(89, 10), aged(0, null), aged(200, 10)]).toEqual([
    ...['ready', 'waiting', 'ready', 'ready'],
  ])
})

test('N3: what nobody makes is an error that says why', () => {
  const plain = need('a', { produce: null, partition: 'p', freshMs: 10_000 })
  expect(reason([view(plain)])).toBe('there is no asset a@p in this project')
  const old = { newest: { madeAtMs: -30_000, run: 'r' } }
  expect(reason([view(plain, old)])).toBe('a@p is 30 s old, and may be 10 s')
  const production = { run: 'x', isCircle: false }
  expect(reason([view(plain, { production })])).toBe('waiting')
})

test('N3: who waited for a production hears how it ended, unless the asset is there', () => {
  const failed = { run: 'x', failure: 'faulted: no disk' }
  const said = 'the run x, which was to make a, faulted: no disk'
  expect(reason([view(need('a'), { ended: failed })])).toBe(said)
  const fresh = { madeAtMs: 95, run: 'other' }
  expect(reason([view(need('a'), { ended: failed, newest: fresh })])).toBe('ready')
  const nothing = { ended: { run: 'x', failure: null }, newest: { madeAtMs: 1, run: 'y' } }
  expect(reason([view(need('a'), nothing)])).toContain('has made none')
  // What it made is old again, since another asset took longer: it is made once more.
  const late = { ended: { run: 'x', failure: null }, newest: { madeAtMs: 1, run: 'x' } }
  expect(planNeeds([view(need('a'), late)], alone, 100)).toMatchObject({
    produce: [{ name: 'a' }],
  })
  expect(reason([view(need('a'), late)], { rounds: 3, depth: 0 })).toContain('after 3 productions')
})

test('N4: circles and towers of productions are errors', () => {
  const production = { run: 'x', isCircle: true }
  expect(reason([view(need('a'), { production })])).toContain('waits for this one')
  expect(reason([view(need('a'))], { rounds: 0, depth: 32 })).toContain('32 productions')
  const waits = new Map([
    ['a', new Set(['b', 'c'])],
    ['c', new Set(['d', 'a'])],
  ])
  expect([reaches(waits, 'a', 'd'), reaches(waits, 'b', 'a'), reaches(waits, 'd', 'd')]).toEqual([
    ...[true, false, true],
  ])
})

/** A project in memory, with what the control plane does around the decision. */
class Store {
  nowMs = 0
  readonly newest = new Map<string, { madeAtMs: number; run: string }>()
  readonly productions = new Map<string, string>()
  readonly waiting = new Map<number, { needs: readonly AssetNeed[]; rounds: number }>()
  readonly outcomes = new Map<number, string>()
  started = 0

  judge(id: number, ended: { name: string; run: string; failure: string | null } | null): void {
    const waiter = this.waiting.get(id)
    if (waiter === undefined) return
    if (ended !== null) waiter.rounds += 1
    const views = waiter.needs.map((one) => {
      const run = this.productions.get(assetName(one))
      return {
        need: one,
        newest: this.newest.get(assetName(one)) ?? null,
        production: run === undefined ? null : { run, isCircle: false },
        ended: ended !== null && ended.name === assetName(one) ? ended : null,
      }
    })
    const plan = planNeeds(views, { rounds: waiter.rounds, depth: 0 }, this.nowMs)
    if (plan.phase === 'waiting') {
      for (const one of plan.produce) {
        expect(this.productions.has(assetName(one))).toBe(false) // N2
        this.productions.set(assetName(one), `p${this.started++}`)
      }
      const made = waiter.needs.filter((one) => this.productions.has(assetName(one)))
      expect(made.length).toBeGreaterThan(0) // N3: somebody makes what is waited for
      return
    }
    if (plan.phase === 'ready') {
      for (const one of waiter.needs) {
        const { madeAtMs } = this.newest.get(assetName(one)) ?? { madeAtMs: -Infinity }
        expect(this.nowMs - madeAtMs).toBeLessThanOrEqual(one.freshMs ?? Infinity) // N1
      }
    }
    this.outcomes.set(id, plan.phase)
    this.waiting.delete(id)
  }

  make(name: string): void {
    const run = this.productions.get(name)
    if (run === undefined) return
    this.newest.set(name, { madeAtMs: this.nowMs, run })
    for (const id of [...this.waiting.keys()]) this.judge(id, null)
  }

  end(name: string, failure: string | null): void {
    const run = this.productions.get(name)
    if (run === undefined) return
    this.productions.delete(name)
    for (const id of [...this.waiting.keys()]) this.judge(id, { name, run, failure })
  }
}

test('N1, N2, N3: whatever happens when, nothing stale is read, nothing is made twice at once, all end', () => {
  const names = fc.subarray(['a', 'b', 'c'], { minLength: 1 })
  const step = fc.oneof(
    fc.record({ ask: names, freshMs: fc.constantFrom(1, 5, 20, null) }),
    fc.record({ make: fc.constantFrom('a', 'b', 'c') }),
    fc.record({ end: fc.constantFrom('a', 'b', 'c'), fails: fc.boolean() }),
    fc.record({ passMs: fc.nat(10) }),
  )
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const store = new Store()
      let asked = 0
      for (const one of steps) {
        if ('passMs' in one) store.nowMs += one.passMs
        else if ('make' in one) store.make(one.make)
        else if ('end' in one) store.end(one.end, one.fails ? 'faulted' : null)
        else {
          const needs = one.ask.map((name) => need(name, { freshMs: one.freshMs }))
          store.waiting.set(asked, { needs, rounds: 0 })
          store.judge(asked++, null)
        }
      }
      // Every production ends at some time; then nobody waits.
      for (let turn = 0; turn < 100 && store.waiting.size > 0; turn++) {
        store.nowMs += 1
        for (const name of ['a', 'b', 'c']) store.make(name)
        for (const name of ['a', 'b', 'c']) store.end(name, null)
      }
      expect(store.outcomes.size).toBe(asked)
    }),
    { numRuns: 500 },
  )
})
