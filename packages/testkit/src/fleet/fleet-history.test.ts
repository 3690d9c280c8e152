// Random histories of a fleet, each from its seed: `TUTTI_SEED=1234` runs that one and tells it,
// `TUTTI_HISTORIES=5000` runs the first five thousand. Many run in workers, from what was built.

import { expect, test } from 'vitest'
import { runHistory } from './run-history.ts'

const asked = process.env['TUTTI_SEED']
const histories = Number(process.env['TUTTI_HISTORIES'] ?? 2_000)
const built = new URL('../../dist/fleet/run-histories.js', import.meta.url).href

test('I1–I5, I9: whatever befalls a fleet, it ends where it should', {
  timeout: 600_000,
}, async () => {
  if (asked !== undefined) {
    const { violations, told } = await runHistory(Number(asked))
    process.stdout.write(`${told.join('\n')}\n`)
    expect(violations).toEqual([])
    return
  }
  const { runHistories } = (await import(built)) as typeof import('./run-histories.ts')
  const wrong = await runHistories(Array.from({ length: histories }, (_, i) => i + 1))
  const told = `TUTTI_SEED=${wrong?.seed} tells it again:\n${wrong?.told.join('\n')}`
  expect(wrong?.violations ?? [], told).toEqual([])
})
