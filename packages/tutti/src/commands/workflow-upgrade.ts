// tutti workflow upgrade: take runs that have not ended to another version of their workflow.

import type { Command } from 'commander'
import { clientOf, formatTable, print, printJson } from '../home/index.ts'
import { type SharedOptions, withExamples, withShared } from './shared-options.ts'

interface UpgradeOptions extends SharedOptions {
  readonly to: string
  readonly from?: string
  readonly dryRun?: boolean
}

export function addWorkflowUpgrade(group: Command): void {
  const upgrade = withShared(group.command('upgrade'))
    .argument('<workflow>', 'NAMESPACE.NAME')
    .requiredOption('--to <version>', 'the version to go on with')
    .option('--from <version>', 'only runs of this version')
    .option('--dry-run', 'say what would be, and change nothing')
    .description('take runs to another version, where the documents agree up to where they are')
  withExamples(upgrade, 'tutti workflow upgrade shop.refund --to 1.1.0')
  upgrade.action(async (workflow: string, options: UpgradeOptions) => {
    const { to, from, dryRun = false } = options
    const client = clientOf(options)
    const moved: string[] = []
    const differing: Awaited<ReturnType<typeof client.upgradeRuns>>['differing'] = []
    for (let after: string | null = ''; after !== null; ) {
      const request = { to, dryRun, after, ...(from === undefined ? {} : { from }) }
      const answer: Awaited<ReturnType<typeof client.upgradeRuns>> = await client.upgradeRuns(
        workflow,
        request,
      )
      moved.push(...answer.moved)
      differing.push(...answer.differing)
      after = answer.after
    }
    if (differing.length > 0) process.exitCode = 1
    if (options.json === true) return printJson({ moved, differing })
    print(`${moved.length} runs ${dryRun ? 'would go' : 'go'} on with ${to}`)
    if (differing.length === 0) return
    print(`${differing.length} runs stay as they are:`)
    const rows = differing.map(({ run, version, task, reason }) => ({ run, version, task, reason }))
    print(formatTable(['run', 'version', 'task', 'reason'], rows))
  })
}
