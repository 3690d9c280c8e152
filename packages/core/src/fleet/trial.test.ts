import fc from 'fast-check'
import { expect, test } from 'vitest'
import { beginTrial, type InstallState, isOnTrial, type Trial } from './index.ts'

const release = `sha256:${'a'.repeat(64)}`
const other = `sha256:${'b'.repeat(64)}`

test('a release that has ended the process three times is not begun again, until it is deployed anew', () => {
  const first = beginTrial({ release, generation: 1 }, null)
  const second = beginTrial({ release, generation: 1 }, first)
  const third = beginTrial({ release, generation: 1 }, second)
  expect([first, second, third].map((one) => one?.begun)).toEqual([1, 2, 3])
  expect(beginTrial({ release, generation: 1 }, third)).toBeNull()
  expect(beginTrial({ release, generation: 2 }, third)?.begun).toBe(1)
  expect(beginTrial({ release: other, generation: 1 }, third)?.begun).toBe(1)
})

test('a trial is what may end the process: from the load to the commit, of this release alone', () => {
  const trial: Trial = { release, generation: 1, begun: 1 }
  const phases = ['fetch', 'verify', 'stage', 'probe', 'active', 'soak', 'committed', 'reverting']
  const on = ['stage', 'probe', 'active', 'soak']
  fc.assert(
    fc.property(fc.constantFrom(...phases), fc.constantFrom(release, other), (phase, of) => {
      const state = { phase, release: of, serving: null } as unknown as InstallState
      expect(isOnTrial(state, trial)).toBe(of === release && on.includes(phase))
    }),
  )
})
