// tutti workflow lifecycle: what happens in all runs of a project, as it happens.

import type { Command } from 'commander'
import { clientOf, loadContext, print } from '../home/index.ts'
import { hintAbsent, soughtIn } from './hint-absent.ts'
import { type SharedOptions, withExamples, withShared } from './shared-options.ts'

interface LifecycleOptions extends SharedOptions {
  readonly workflow?: string
  readonly label?: string
  readonly type?: string
  readonly after?: string
}

export function addWorkflowLifecycle(group: Command): void {
  const lifecycle = withShared(group.command('lifecycle'))
    .option('--workflow <workflow>', 'of one workflow: NAMESPACE.NAME, or NAMESPACE.NAME:VERSION')
    .option('--label <name=value>', 'of runs with this label')
    .option('--type <types>', 'what types begin with: io.serverlessworkflow.workflow.faulted')
    .option('--after <place>', 'go on after this event; default: from now on')
    .description('follow the lifecycle events of runs, one JSON a line with --json')
  withExamples(
    lifecycle,
    'tutti workflow lifecycle --type io.serverlessworkflow.workflow.',
    'tutti workflow lifecycle --after 512 --json',
  )
  lifecycle.action(async (options: LifecycleOptions) => {
    const { workflow, label, type, after, json } = options
    const client = clientOf(options)
    const { project } = loadContext(options)
    await hintAbsent(client, soughtIn(project, { projects: project, workflows: workflow }))
    const events = client.lifecycleEvents({
      ...(workflow === undefined ? {} : { workflow }),
      ...(label === undefined ? {} : { label }),
      ...(type === undefined ? {} : { type }),
      ...(after === undefined ? {} : { after: Number(after) }),
    })
    for await (const { place, event } of events) {
      const { time, type: what, subject, data } = { ...Object(event) }
      const { task = '' } = { ...Object(data) }
      if (json === true) print(JSON.stringify({ place, event }))
      else print(`${place}  ${time}  ${what}  ${subject} ${task}`.trimEnd())
    }
  })
}
