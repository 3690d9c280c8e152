import fc from 'fast-check'
import { expect, test } from 'vitest'
import { LeaseBook, type LeaseChange, type OpenLease } from './lease-book.ts'

const nanos = fc.integer({ min: 0, max: 1_000 })
const step = fc.record({
  kind: fc.constantFrom('opened' as const, 'settled' as const, 'ended' as const),
  /** Of the leases that were opened before. */
  which: fc.nat(),
  ending: fc.constantFrom('closed' as const, 'lost' as const),
  nanos,
  as: fc.record({
    ...{ gateway: fc.constant('gateway-1'), project: fc.constantFrom('x', 'y') },
    budget: fc.constantFrom('one', 'two'),
    startMs: fc.nat(100).map((hour) => hour * 3_600_000),
    ...{ grantedNanos: nanos, settledNanos: nanos, untilMs: nanos },
  }),
})

test('what is undone leaves the accounts as they were, and what is read is what was written (A1)', () => {
  const steps = fc.array(step, { maxLength: 200 })
  fc.assert(
    fc.property(steps, steps, (kept, undone) => {
      const opened: string[] = []
      const book = new LeaseBook({ settled: {}, open: {} })
      const apply = ({ kind, which, as, ...rest }: (typeof kept)[number]) => {
        const known = opened[which % opened.length] ?? ''
        const before = which % 2 === 0 ? undefined : book.lease(known) // part of it goes back
        if (kind === 'opened' && before === undefined) opened.push(`lease-${opened.length}`)
        const part = before === undefined ? as : { ...before, grantedNanos: as.grantedNanos }
        const change: LeaseChange =
          kind === 'opened'
            ? { kind, lease: before === undefined ? (opened.at(-1) ?? '') : known, as: part }
            : kind === 'settled'
              ? { kind, lease: known, nanos: rest.nanos }
              : { kind, lease: known, ending: rest.ending }
        return book.apply(change)
      }
      for (const one of kept) apply(one)
      const accounts = structuredClone(book.accounts())
      const undo = undone.map(apply)
      for (const back of undo.toReversed()) back()
      expect(book.accounts()).toEqual(accounts)
      const read = new LeaseBook(accounts)
      expect(read.accounts()).toEqual(accounts)
      const budget = { project: 'x', budget: 'one' }
      const window = { startMs: 3_600_000, endMs: 60 * 3_600_000 }
      expect(read.charged(budget, window)).toEqual(book.charged(budget, window))
    }),
  )
})

const hourMs = 3_600_000
const dayMs = 24 * hourMs
const all = { startMs: 0, endMs: Infinity }
const one = { project: 'x', budget: 'one' }
const leaseOf = (startMs: number, grantedNanos: number, more: Partial<OpenLease> = {}) => ({
  ...{ gateway: 'gateway-1', ...one, startMs, grantedNanos, settledNanos: 0, untilMs: 9, ...more },
})
const emptyBook = () => new LeaseBook({ settled: {}, open: {} })

test('what is charged is what is held by open leases and what ended ones cost, each in its window', () => {
  const book = emptyBook()
  const told = (window = all, name = one) => Object.values(book.charged(name, window))
  expect(told()).toEqual([0, 0, 0])
  book.apply({ kind: 'opened', lease: 'a', as: leaseOf(hourMs, 10) })
  book.apply({ kind: 'opened', lease: 'b', as: leaseOf(2 * hourMs, 5) })
  book.apply({ kind: 'opened', lease: 'c', as: leaseOf(hourMs, 99, { budget: 'two' }) })
  expect(told()).toEqual([0, 15, 0])
  book.apply({ kind: 'settled', lease: 'a', nanos: 4 })
  expect(told()).toEqual([0, 15, 4])
  book.apply({ kind: 'settled', lease: 'b', nanos: 7 }) // more than it held: it was spent
  expect(told()).toEqual([0, 17, 11])
  book.apply({ kind: 'ended', lease: 'a', ending: 'closed' })
  expect(told()).toEqual([4, 7, 7])
  book.apply({ kind: 'opened', lease: 'd', as: leaseOf(hourMs, 3) })
  book.apply({ kind: 'ended', lease: 'd', ending: 'lost' })
  expect(told()).toEqual([7, 7, 7])
  expect(told({ startMs: hourMs, endMs: 2 * hourMs })).toEqual([7, 0, 0])
  expect(told({ startMs: 2 * hourMs, endMs: 3 * hourMs })).toEqual([0, 7, 7])
  expect(told({ startMs: 2 * hourMs + 1, endMs: Infinity })).toEqual([0, 0, 0])
  expect(told(all, { ...one, budget: 'two' })).toEqual([0, 99, 0])
  expect([book.lease('a'), book.lease('b')?.settledNanos]).toEqual([undefined, 7])
})

test('of a lease that is not open nothing changes; one that is heard of lasts longer', () => {
  const book = emptyBook()
  book.apply({ kind: 'settled', lease: 'a', nanos: 4 })
  book.apply({ kind: 'ended', lease: 'a', ending: 'lost' })
  book.prolong('a', 99)
  expect(book.accounts()).toEqual({ settled: {}, open: {} })
  book.apply({ kind: 'opened', lease: 'a', as: leaseOf(0, 1, { untilMs: 10 }) })
  book.apply({ kind: 'opened', lease: 'b', as: leaseOf(0, 1, { untilMs: 20 }) })
  expect([book.lapsed(10), book.lapsed(11)]).toEqual([[], ['a']])
  book.prolong('a', 30)
  expect([book.lapsed(21), book.lapsed(31)]).toEqual([['b'], ['a', 'b']])
})

test('hours of days that are past count by their day, and what is long past is forgotten (A2)', () => {
  const day = (n: number) => 1_000 * dayMs - n * dayMs
  // Of each of a hundred days two hours that are not its first.
  const days = Array.from({ length: 100 }, (_, n) => day(n))
  const hours = days.flatMap((at) => [at + hourMs, at + 2 * hourMs])
  const settled = Object.fromEntries(hours.map((at) => [`x/one/${at}`, 1]))
  const book = new LeaseBook({ settled: { ...settled, 'x/one/0': 5, 'x/past/1': 1 }, open: {} })
  for (const _ of ['first', 'again']) {
    book.fold()
    const kept = Object.entries(book.accounts().settled)
    const left = new Map(kept.map(([name, nanos]) => [Number(name.split('/')[2]), nanos]))
    for (const [n, at] of days.entries()) {
      const told = [at, at + hourMs, at + 2 * hourMs].map((time) => left.get(time) ?? 0)
      expect(told).toEqual(n < 7 ? [0, 1, 1] : n < 62 ? [2, 0, 0] : [0, 0, 0])
    }
    expect(left.get(0)).toBe(5) // of what never begins anew
    expect(left.size).toBe(7 * 2 + 55 + 1)
  }
})

test('days of open leases are days, and a Budget that holds one is kept', () => {
  const days = Array.from({ length: 62 }, (_, n) => (1_000 - n) * dayMs)
  const settled = Object.fromEntries(days.map((at) => [`x/one/${at}`, 1]))
  const book = new LeaseBook({
    settled: { ...settled, [`x/two/${900 * dayMs}`]: 1 },
    open: { a: leaseOf(1_001 * dayMs, 5), b: leaseOf(800 * dayMs, 3, { budget: 'two' }) },
  })
  book.fold()
  expect(book.charged(one, all)).toEqual({ settledNanos: 61, openNanos: 5, toldNanos: 0 })
  const two = { ...one, budget: 'two' }
  expect(book.charged(two, all)).toEqual({ settledNanos: 0, openNanos: 3, toldNanos: 0 })
})
