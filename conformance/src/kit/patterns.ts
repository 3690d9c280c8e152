// Conformance: control-flow patterns
//
// The 43 patterns of N. Russell, A. ter Hofstede, W. van der Aalst and N. Mulyar, "Workflow Control-Flow Patterns:
// A Revised View" (BPM Center Report BPM-06-22, 2006): an example of each that runs, or why there can be none.

import { fileURLToPath } from 'node:url'
import { readFeatures } from '../read-features.ts'
import { type Score, Scoring } from '../score.ts'
import { openKitBench } from './kit-bench.ts'
import { runScenario } from './run-scenario.ts'

const features = fileURLToPath(new URL('../../kit/patterns/', import.meta.url))
const patternCount = 43

/** By number. */
const notExpressible: Readonly<Record<number, string>> = {
  33: 'a join belongs to the fork above it: a branch arrives at it once, and no other thread can',
  38: 'a merge that looks at what may still come from anywhere needs a graph, and tasks nest',
}

export async function patterns(): Promise<Score> {
  const wrongs = new Map<number, string[]>()
  const bench = await openKitBench()
  try {
    for (const [i, scenario] of (await readFeatures(features)).entries()) {
      const number = Number(/^WCP-(\d+) /.exec(scenario.name)?.[1])
      const held = wrongs.get(number) ?? []
      const wrong = await runScenario(bench, scenario, { project: `p${i}` })
      wrongs.set(number, wrong === null ? held : [...held, `${scenario.name}: ${wrong}`])
    }
  } finally {
    await bench.stop()
  }
  const scoring = new Scoring()
  const reasons: string[] = []
  for (let number = 1; number <= patternCount; number++) {
    const found = wrongs.get(number)
    const reason = notExpressible[number]
    if (reason !== undefined) reasons.push(`WCP-${number} is not expressible: ${reason}`)
    const said = found?.join('; ') ?? `WCP-${number} has no example`
    scoring.check(reason !== undefined || found?.length === 0, said)
  }
  const { passed, total, notes } = scoring.score
  return { passed, total, notes: [...reasons, ...notes] }
}
