// The control plane and a node, killed at every moment that the harness finds by itself.

import { expect, test } from 'vitest'
import { tellWithCrash, type Victim } from './crash-matrix.ts'

const ends = [
  'parts-g1 done',
  'parts-g2 done',
  'parts-g3 reverted',
  'parts-g4 superseded', // its deployment was deleted
]

const victims: readonly Victim[] = ['control plane', 'node']

test.each(victims)(
  'killed at every write and step, the %s goes on',
  { timeout: 240_000 },
  async (victim) => {
    const whole = await tellWithCrash({ victim, at: 0 })
    expect(whole).toMatchObject({ ends, violations: [] })
    expect(whole.moments.length).toBeGreaterThan(50)
    for (const [i, moment] of whole.moments.entries()) {
      const { ends: seen, violations } = await tellWithCrash({ victim, at: i + 1 })
      expect({ seen, violations }, `killed at moment ${i + 1}: ${moment}`).toEqual({
        seen: ends,
        violations: [],
      })
    }
  },
)
