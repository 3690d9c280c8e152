// The crash matrices in short: as many points as fit into TUTTI_CRASH_SECONDS for each, evenly chosen.
// `npm run conformance -- crash` takes all of them.

import { expect, test } from 'vitest'
import { crashModel, crashNode, crashPlane } from './crash.ts'

const secondsMax = Number(process.env['TUTTI_CRASH_SECONDS'] ?? 15)
const testMs = 300_000 + 4_000 * secondsMax

test(
  'a control plane that is killed in the middle of a rollout loses nothing',
  async () => {
    const score = await crashPlane({ secondsMax })
    expect(score.notes).toEqual([])
    expect(score.total).toBeGreaterThan(10)
  },
  testMs,
)

test(
  'a node that is killed in any state comes back to what is wanted',
  async () => {
    const score = await crashNode({ secondsMax })
    expect(score.notes).toEqual([])
    expect(score.total).toBeGreaterThan(10)
  },
  testMs,
)

test(
  'a release that takes the process down is given up after three, and what served before serves',
  async () => {
    const score = await crashModel()
    expect(score.notes).toEqual([])
    expect(score.total).toBeGreaterThan(3)
  },
  testMs,
)
