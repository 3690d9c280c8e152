// tutti workflow lineage: what a run's steps used and made.

import type { Command } from 'commander'
import { clientOf, formatTable, print, printJson } from '../home/index.ts'
import { type SharedOptions, withExamples, withShared } from './shared-options.ts'

interface LineageOptions extends SharedOptions {
  readonly openlineage?: boolean
}

export function addWorkflowLineage(group: Command): void {
  const lineage = withShared(group.command('lineage'))
    .argument('<run>')
    .option('--openlineage', 'as events of OpenLineage')
    .description('say which model versions and artifacts a run used, and what it made')
  withExamples(lineage, 'tutti workflow lineage RUN --openlineage')
  lineage.action(async (run: string, options: LineageOptions) => {
    const client = clientOf(options)
    if (options.openlineage === true) return printJson(await client.openLineage(run))
    const items = await client.lineage(run)
    if (options.json === true) return printJson(items)
    const rows = items.map(({ key, kind, subject }) => ({ key, kind, subject }))
    print(formatTable(['key', 'kind', 'subject'], rows))
  })
}
