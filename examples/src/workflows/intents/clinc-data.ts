// CLINC150 data
//
// The published questions of CLINC150 (Larson et al. 2019, clinc/oos-eval, `data_full.json`): 150 intents and questions of
// none of them, `oos`. All of it, or the first intents of the alphabet with fewer questions out of scope.

import { readFileSync } from 'node:fs'
import { z } from 'zod'
import type { Question } from './train-intents.ts'

const pairs = z.array(z.tuple([z.string(), z.string()]))
const published = z.looseObject({ train: pairs, test: pairs, oos_train: pairs, oos_test: pairs })

export const intentsAll = 150

export interface ClincData {
  readonly train: readonly Question[]
  /** The published test: in scope first, then out of it. */
  readonly test: readonly Question[]
}

export function readClinc(path: string, intents = intentsAll): ClincData {
  const data = published.parse(JSON.parse(readFileSync(path, 'utf8')))
  const labels = [...new Set(data.train.map(([, intent]) => intent))].sort()
  const kept = new Set(labels.slice(0, intents))
  const share = intents / intentsAll
  const part = (inScope: z.infer<typeof pairs>, outside: z.infer<typeof pairs>) =>
    [
      ...inScope.filter(([, intent]) => kept.has(intent)),
      ...outside.slice(0, Math.ceil(outside.length * share)),
    ].map(([text, intent]) => ({ text, intent }))
  return { train: part(data.train, data.oos_train), test: part(data.test, data.oos_test) }
}
