import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { clockOf, experiment, pickArm } from './experiment.ts'

const subjects = Array.from({ length: 4_000 }, (_, i) => `user ${i}`)
const share = fc.integer({ min: 1, max: 20 })

describe('experiment', () => {
  test('arms get their shares', () => {
    const arms = { a: 90, b: 10 }
    const b = subjects.filter((one) => pickArm({ name: 'e', arms }, one) === 'b').length
    expect(b / subjects.length).toBeGreaterThan(0.08)
    expect(b / subjects.length).toBeLessThan(0.12)
  })

  test('who changes arms when one grows goes to it, and nowhere else', () => {
    fc.assert(
      fc.property(share, share, share, share, (a, b, c, more) => {
        for (const subject of subjects.slice(0, 200)) {
          const before = pickArm({ name: 'e', arms: { a, b, c } }, subject)
          const after = pickArm({ name: 'e', arms: { a, b: b + more, c } }, subject)
          if (after !== before) expect(after).toBe('b')
        }
      }),
      { numRuns: 20 },
    )
  })

  test('an arm without a share gets nobody', () => {
    for (const subject of subjects.slice(0, 500)) {
      expect(pickArm({ name: 'e', arms: { a: 0, b: 1 } }, subject)).toBe('b')
    }
  })

  test('an experiment has an arm that somebody is in, and sixteen at most', () => {
    const armsOf = (count: number, share: number) =>
      Object.fromEntries(Array.from({ length: count }, (_, i) => [`arm-${i}`, share]))
    const isTaken = (arms: object) => experiment.safeParse({ name: 'e', arms }).success
    expect([1, 16, 17].map((count) => isTaken(armsOf(count, 1)))).toEqual([true, true, false])
    expect([isTaken({}), isTaken(armsOf(2, 0)), isTaken({ a: -1, b: 2 })]).toEqual([
      ...[false, false, false],
    ])
    expect([isTaken({ 'no name': 1 }), isTaken({ a: 0, b: 1e6 }), isTaken({ a: 1e6 + 1 })]).toEqual(
      [false, true, false],
    )
  })

  test('every clock rings some time, and none at once', () => {
    for (const subject of subjects) {
      expect(clockOf(subject)).toBeGreaterThan(0)
      expect(clockOf(subject)).toBeLessThan(Infinity)
    }
  })

  test('sticky endpoints move only what they must', () => {
    const home = (urls: readonly string[], subject: string) =>
      [...urls].sort((x, y) => clockOf(`${subject}\n${x}`) - clockOf(`${subject}\n${y}`))[0]
    const urls = ['u1', 'u2', 'u3', 'u4']
    for (const subject of subjects.slice(0, 500)) {
      const before = home(urls, subject)
      const without = home(urls.slice(1), subject)
      if (before !== 'u1') expect(without).toBe(before)
      const joined = home([...urls, 'u5'], subject)
      if (joined !== 'u5') expect(joined).toBe(before)
    }
    const counts = urls.map((url) => subjects.filter((one) => home(urls, one) === url).length)
    expect(Math.min(...counts)).toBeGreaterThan(subjects.length / 5)
  })
})
