// Run features: all scenarios of a folder, each in a project of its own, on one real engine and one real Postgres.

import { readFeatures } from '../read-features.ts'
import { type Score, Scoring } from '../score.ts'
import { openKitBench } from './kit-bench.ts'
import { runScenario } from './run-scenario.ts'

export async function runFeatures(folder: string): Promise<Score> {
  const scoring = new Scoring()
  const bench = await openKitBench()
  try {
    for (const [i, scenario] of (await readFeatures(folder)).entries()) {
      const wrong = await runScenario(bench, scenario, { project: `s${i}` })
      scoring.check(wrong === null, `${scenario.feature} / ${scenario.name}: ${wrong}`)
    }
    return scoring.score
  } finally {
    await bench.stop()
  }
}
