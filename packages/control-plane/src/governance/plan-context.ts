// Plan context
//
// What policies are told of a workflow before it is declared and before it runs.

import type { Json } from '@tutti/core/resource'
import { planRun } from '@tutti/core/workflow'
import type { PlanContext } from './policy-engine.ts'

export function planContext(document: Json): PlanContext {
  const { costMicrosMax, ...lists } = planRun(document)
  return { ...lists, ...(costMicrosMax === null ? {} : { costMicrosMax }) }
}
