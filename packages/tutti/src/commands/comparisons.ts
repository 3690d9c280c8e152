// tutti comparisons: how the answers of shadows compare with those that callers got, one by one and, at the end, as a whole.

import type { Command } from 'commander'
import { print } from '../home/index.ts'
import { type Comparison, comparison, lineOf, summaryOf } from './describe-comparisons.ts'
import { type ListOptions, readList } from './gateway-lists.ts'
import { withExamples, withShared } from './shared-options.ts'

export function addComparisons(program: Command): void {
  const command = withShared(program.command('comparisons'))
    .option('--gateway <url>', 'gateway (default: the one of tutti up)')
    .option('-f, --follow', 'go on with every comparison as it is made')
    .option('--limit <count>', 'comparisons of before to begin with', '20')
    .description('show how answers of shadows compare with those that callers got')
  withExamples(
    command,
    'tutti comparisons --follow',
    'tutti comparisons --limit 1000',
    'tutti comparisons --limit 1000 --json',
  )
  command.action(async (options: ListOptions) => {
    const { json, follow } = options
    const all: Comparison[] = []
    await readList('/v1/comparisons', options, (line) => {
      if (json === true) return print(line)
      const one = comparison.parse(JSON.parse(line))
      print(lineOf(one))
      if (follow !== true) all.push(one)
    })
    if (json === true) return
    if (all.length === 0) return print('no shadow was asked lately (see shadow of a Route)')
    print(`\n${summaryOf(all)}`)
  })
}
