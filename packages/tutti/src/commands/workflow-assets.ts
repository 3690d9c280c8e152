// tutti workflow assets: what runs have made for other runs, of what, and who read it.

import type { Command } from 'commander'
import { clientOf, formatAge, formatTable, print, printJson } from '../home/index.ts'
import { hintProject } from './hint-absent.ts'
import { type SharedOptions, withExamples, withShared } from './shared-options.ts'

interface AssetsOptions extends SharedOptions {
  readonly partition?: string
}

export function addWorkflowAssets(group: Command): void {
  const assets = withShared(group.command('assets'))
    .argument('[name]', 'one asset: its versions, what they were made of and who read them')
    .option('--partition <name>', 'of this partition')
    .description('list what runs have made for other runs, and how old it is')
  withExamples(
    assets,
    'tutti workflow assets',
    'tutti workflow assets sales --partition 2026-11-20',
  )
  assets.action(async (name: string | undefined, options: AssetsOptions) => {
    const client = clientOf(options)
    if (name === undefined) {
      const items = await client.assets()
      if (items.length === 0) await hintProject(client, options)
      return show(items, options)
    }
    const { partition } = options
    if (partition === undefined) {
      const items = await client.assets(name)
      // An asset without partitions is looked at itself; one that is not there is refused.
      const isWhole = items.length === 0 || items.some((item) => item.partition === '')
      if (!isWhole) return show(items, options)
    }
    const versions = await client.asset(name, partition)
    if (options.json === true) return printJson(versions)
    for (const version of versions) print(describe(version))
  })
}

type Client = ReturnType<typeof clientOf>
type Item = Awaited<ReturnType<Client['assets']>>[number]
type Version = Awaited<ReturnType<Client['asset']>>[number]

function show(items: readonly Item[], options: AssetsOptions): void {
  if (options.json === true) return printJson(items)
  const rows = items.map(({ name, partition, madeAtMs, workflow, run }) => ({
    ...{ asset: name, partition, workflow, run },
    age: formatAge(Date.now() - madeAtMs),
  }))
  print(formatTable(['asset', 'partition', 'age', 'workflow', 'run'], rows))
}

function describe({ madeAtMs, workflow, run, key, digest, value, sources, readBy }: Version) {
  const made = `${new Date(madeAtMs).toISOString()}  ${digest}`
  const of = sources.map(({ kind, subject }) => `  ${kind} ${subject}`)
  const by = readBy.map((step) => `  read by ${step.run} at ${step.key}`)
  const lines = [made, `  made by ${run} of ${workflow} at ${key}`, ...of, ...by]
  return [...lines, `  ${JSON.stringify(value)}`].join('\n')
}
