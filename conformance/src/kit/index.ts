// Conformance: our own kit for the Open Workflow Specification
//
// The scenarios of ../../kit/features on a real engine and a real Postgres.

import { fileURLToPath } from 'node:url'
import { readFeatures } from '../read-features.ts'
import { type Score, Scoring } from '../score.ts'
import { openKitBench } from './kit-bench.ts'
import { runScenario } from './run-scenario.ts'

const features = fileURLToPath(new URL('../../kit/features/', import.meta.url))

export async function owsKit(): Promise<Score> {
  const scoring = new Scoring()
  const bench = await openKitBench()
  try {
    for (const [i, scenario] of (await readFeatures(features)).entries()) {
      const wrong = await runScenario(bench, scenario, { project: `s${i}` })
      scoring.check(wrong === null, `${scenario.feature} / ${scenario.name}: ${wrong}`)
    }
    return scoring.score
  } finally {
    await bench.stop()
  }
}
