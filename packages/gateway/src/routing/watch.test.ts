// Those who are watched hear the time, those who are not do not, whoever comes and goes meanwhile.

import fc from 'fast-check'
import { expect, test, vi } from 'vitest'
import { Watch } from './watch.ts'

test('exactly those hear of the time who were added and not removed since', () => {
  const step = fc.record({ who: fc.nat(7), isAdded: fc.boolean(), leavesAtTick: fc.boolean() })
  fc.assert(
    fc.property(fc.array(step), (steps) => {
      vi.useFakeTimers()
      const watch = new Watch()
      const heard: number[] = []
      const leaving = new Set<number>()
      const all = Array.from({ length: 8 }, (_, who) => ({
        watchPlace: -1,
        tick: () => {
          heard.push(who)
          if (leaving.has(who)) watch.remove(all[who] ?? { watchPlace: -1, tick: () => {} })
        },
      }))
      const there = new Set<number>()
      for (const { who, isAdded, leavesAtTick } of steps) {
        const one = all[who]
        if (one === undefined) continue
        if (!isAdded) watch.remove(one)
        else if (!there.has(who)) watch.add(one)
        if (isAdded) there.add(who)
        else there.delete(who)
        if (leavesAtTick) leaving.add(who)
      }
      vi.advanceTimersByTime(20)
      expect(heard.toSorted()).toEqual([...there].toSorted())
      heard.length = 0
      vi.advanceTimersByTime(20)
      const left = [...there].filter((who) => !leaving.has(who))
      expect(heard.toSorted()).toEqual(left.toSorted())
      watch.stop()
      vi.useRealTimers()
    }),
  )
})
