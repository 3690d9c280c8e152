// tutti workflow backfill: runs for ticks of the past, or for partitions.

import type { Command } from 'commander'
import { clientOf, parseDocuments, print, printJson } from '../home/index.ts'
import { countOf, timeOf } from './option-values.ts'
import { type SharedOptions, withExamples, withShared } from './shared-options.ts'

interface BackfillOptions extends SharedOptions {
  readonly from?: string
  readonly until?: string
  readonly partition?: readonly string[]
  readonly concurrency: string
  readonly input?: string
}

export function addWorkflowBackfill(group: Command): void {
  const backfill = withShared(group.command('backfill'))
    .argument('<workflow>', 'NAMESPACE.NAME, or NAMESPACE.NAME:VERSION')
    .option('--from <time>', 'the first moment: 2026-11-01T00:00:00Z')
    .option('--until <time>', 'the moment after the last one')
    .option('--partition <names...>', 'these partitions; absent: those of the time, or all keys')
    .option('--concurrency <count>', 'runs at the same time', '2')
    .option('-i, --input <json>', 'what each run is given besides, as JSON or YAML')
    .description('start runs for ticks of the past, or for partitions')
  withExamples(
    backfill,
    'tutti workflow backfill shop.report --from 2026-11-01T00:00:00Z --until 2026-11-08T00:00:00Z',
    'tutti workflow backfill shop.sales --partition berlin rome',
  )
  backfill.action(async (workflow: string, options: BackfillOptions) => {
    const { partition: partitions, input } = options
    const concurrency = countOf('--concurrency', options.concurrency)
    const from = timeOf('--from', options.from)
    const until = timeOf('--until', options.until)
    const answer = await clientOf(options).backfill(workflow, {
      ...(from === undefined ? {} : { from }),
      ...(until === undefined ? {} : { until }),
      ...(partitions === undefined ? {} : { partitions }),
      ...(input === undefined ? {} : { input: parseDocuments('the argument', input)[0]?.value }),
      concurrency,
    })
    if (options.json === true) printJson(answer)
    else print(`${answer.runs} runs: tutti workflow list --label tutti/backfill=${answer.id}`)
  })
}
