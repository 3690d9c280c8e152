import fc from 'fast-check'
import { expect, test } from 'vitest'
import { pickFilesToEvict } from './pick-files-to-evict.ts'

const file = fc.record({
  name: fc.uuid(),
  sizeBytes: fc.nat(1_000),
  usedMs: fc.nat(1_000),
  isNeeded: fc.boolean(),
})
const files = fc.uniqueArray(file, { selector: ({ name }) => name, maxLength: 30 })
const bytesOf = (list: readonly { readonly sizeBytes: number }[]) =>
  list.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0)

test('nothing needed goes, the oldest go first, and no more than must', () => {
  fc.assert(
    fc.property(files, fc.nat(20_000), (all, budget) => {
      const { evict, overBytes } = pickFilesToEvict(all, budget)
      const left = all.filter((one) => !evict.includes(one))
      expect(evict.some(({ isNeeded }) => isNeeded)).toBe(false)
      expect(bytesOf(left) - budget).toBe(
        overBytes > 0 ? overBytes : Math.min(0, bytesOf(left) - budget),
      )
      if (overBytes > 0) expect(left.every(({ isNeeded }) => isNeeded)).toBe(true)
      const newest = evict.at(-1)
      if (newest === undefined) return
      expect(bytesOf(left) + newest.sizeBytes).toBeGreaterThan(budget)
      const spared = left.filter(({ isNeeded }) => !isNeeded)
      expect(spared.every(({ usedMs }) => usedMs >= newest.usedMs)).toBe(true)
    }),
  )
})
