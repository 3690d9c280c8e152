// Run process
//
// `run`: another workflow, or a process on a node that allows it.

import type { Json } from '../../resource/index.ts'
import { asJson } from './as-json.ts'
import type { Body } from './stage.ts'
import { taskOf } from './task-of.ts'
import { fault } from './workflow-error.ts'

export const runProcess: Body = (stage, site, done) => {
  const { run } = taskOf(site, 'run')
  const fill = (template: unknown): Json =>
    stage.expressions.fill(asJson(template), site.input, stage.sight(site))
  // Who does not wait goes on with what it had.
  const then: typeof done = (result) =>
    done(result.ok && !run.await ? { ...result, output: site.input } : result)
  if (run.workflow !== undefined) {
    const { namespace, name, version, input } = run.workflow
    const given = input === undefined ? site.input : fill(input)
    const isAwaited = run.await
    stage.act(site, { type: 'workflow', namespace, name, version, input: given, isAwaited }, then)
    return
  }
  for (const process of ['container', 'script', 'shell'] as const) {
    const settings = run[process]
    if (settings === undefined) continue
    const action = { type: 'process', process, arguments: fill(settings) } as const
    stage.act(site, { ...action, isAwaited: run.await, returns: run.return }, then)
    return
  }
  fault('configuration', 'run names nothing to run')
}
