// Tell cancelled
//
// The one event of a run that was cancelled before its queue let it begin: no engine has it, so that whoever cancels it tells.

import { hearsLifecycle, LifecycleTeller, workflowName, workflowSpec } from '@tutti/core/workflow'
import { loadResource, type Query } from '../store/index.ts'
import { lifecycleLevelOf } from './lifecycle-levels.ts'
import { writeLifecycle } from './lifecycle-rows.ts'
import type { RunHead } from './run-head.ts'
import { openTelling, toldRun } from './telling.ts'

export async function tellCancelled(
  tx: Query,
  head: RunHead,
  { reason, nowMs }: { readonly reason: string; readonly nowMs: number },
): Promise<void> {
  const level = await lifecycleLevelOf(tx, head.project)
  if (level === 'none') return
  const key = { kind: 'Workflow', project: head.project, name: workflowName(head) }
  const spec = workflowSpec.safeParse((await loadResource(tx, key))?.spec)
  const program = { hearsLifecycle: spec.success && hearsLifecycle(spec.data.document) }
  const telling = openTelling(head, program, { teller: new LifecycleTeller(toldRun(head)), level })
  telling.outcome({ status: 'cancelled', reason }, nowMs)
  await writeLifecycle(tx, [{ head, atMs: nowMs, lifecycle: telling.take() }])
}
