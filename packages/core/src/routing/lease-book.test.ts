import fc from 'fast-check'
import { expect, test } from 'vitest'
import { LeaseBook, type LeaseChange } from './lease-book.ts'

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
