// tutti usage: what requests used and cost, by project, key, route, model, day or hour.

import { Client, type UsageAnswer } from '@tutti/sdk'
import type { Command } from 'commander'
import { Failure } from '../failure.ts'
import {
  clientOf,
  formatTable,
  gatewayAway,
  gatewayOf,
  loadContext,
  print,
  printJson,
  saySilence,
} from '../home/index.ts'
import { type SharedOptions, withExamples, withShared } from './shared-options.ts'

interface UsageOptions extends SharedOptions {
  readonly by: string
  readonly since: string
  readonly allProjects?: boolean
  readonly gateway?: string
}

export function addUsage(program: Command): void {
  const command = withShared(program.command('usage'))
    .option('--by <dimensions>', 'of project, key, route, model, day, hour', 'route,model')
    .option('--since <time>', 'so long ago (90m, 24h, 7d), or a time in ISO 8601', '7d')
    .option('-A, --all-projects', 'all projects that the key may read')
    .option('--gateway <url>', 'ask a gateway, such as one that has no control plane')
    .description('show what requests used and what they cost')
  withExamples(
    command,
    'tutti usage --by key,day --since 30d --json',
    'tutti usage --gateway http://127.0.0.1:8080 --key tutti_app_…',
  )
  command.action(async (options: UsageOptions) => {
    const answer = await askUsage(options)
    if (options.json === true) return printJson(answer)
    if (answer.rows.length === 0) return print('no request was answered in this time')
    const columns = [...answer.by, 'requests', 'failed', 'input', 'output', 'cached', 'cost']
    const rows = answer.rows.map((row) => ({
      ...Object.fromEntries(answer.by.map((name) => [name, String(row[name] ?? '')])),
      ...{ requests: String(row.requests), failed: String(row.failed) },
      ...{ input: String(row.inputTokens), output: String(row.outputTokens) },
      ...{ cached: String(row.cachedTokens), cost: costOf(row) },
    }))
    print(formatTable(columns, rows))
  })
}

async function askUsage(options: UsageOptions): Promise<UsageAnswer> {
  const by = options.by.split(',').map((one) => one.trim())
  const of = { by, sinceMs: sinceOf(options.since, Date.now()) }
  const isAll = options.allProjects === true
  if (options.gateway === undefined) {
    const project = isAll ? {} : { project: loadContext(options).project }
    return await clientOf(options).usage({ ...of, ...project })
  }
  // A key tells its project there: unless another is named, it is that one.
  const { key, gateway: url } = gatewayOf(options)
  const named = isAll ? undefined : (options.project ?? process.env['TUTTI_PROJECT'])
  const project = named === undefined ? {} : { project: named }
  const client = new Client({ url, key, onSilence: (ms) => saySilence(url, ms) })
  return await client.usage({ ...of, ...project }).catch((error: unknown) => {
    const isAway = error instanceof Error && 'code' in error && error.code === 'sdk/unreachable'
    throw isAway ? gatewayAway(url, error) : error
  })
}

const units: Readonly<Record<string, number>> = { m: 60_000, h: 3_600_000, d: 86_400_000 }

function sinceOf(text: string, nowMs: number): number {
  const [, count, unit] = /^(\d{1,6})([mhd])$/.exec(text) ?? []
  const atMs = unit === undefined ? Date.parse(text) : nowMs - Number(count) * (units[unit] ?? 0)
  if (Number.isFinite(atMs) && atMs >= 0) return Math.floor(atMs)
  throw new Failure('tutti/argument-invalid', `--since: expected 24h, 7d or a time, got ${text}`)
}

/** What is little is not nothing. A `+` where attempts are in it whose price nobody knows. */
function costOf({ costDollars, unpriced }: { costDollars: number; unpriced: number }): string {
  const digits = costDollars > 0 && costDollars < 0.01 ? 6 : 4
  return `$${costDollars.toFixed(digits)}${unpriced > 0 ? '+' : ''}`
}
