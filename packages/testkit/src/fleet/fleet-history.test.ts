// Random histories of a fleet, each from its seed: `TUTTI_SEED=1234` runs that one and tells it,
// `TUTTI_HISTORIES=5000` runs the first five thousand.

import { expect, test } from 'vitest'
import { runHistory } from './run-history.ts'

const asked = process.env['TUTTI_SEED']
const histories = Number(process.env['TUTTI_HISTORIES'] ?? 300) // some 20 s of a core

test('I1–I5, I9: whatever befalls a fleet, it ends where it should', {
  timeout: 300_000,
}, async () => {
  const seeds = asked === undefined ? seedsUpTo(histories) : [Number(asked)]
  for (const seed of seeds) {
    const { violations, told } = await runHistory(seed)
    if (asked !== undefined) process.stdout.write(`${told.join('\n')}\n`)
    expect(violations, `TUTTI_SEED=${seed} tells it again:\n${told.join('\n')}`).toEqual([])
  }
})

function seedsUpTo(count: number): number[] {
  return Array.from({ length: count }, (_, i) => i + 1)
}
