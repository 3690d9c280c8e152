// tutti requests: what the gateway answered lately, and with --follow what it answers now.

import type { Command } from 'commander'
import { z } from 'zod'
import { Failure } from '../failure.ts'
import { loadContext, print } from '../home/index.ts'
import { type SharedOptions, withExamples, withShared } from './shared-options.ts'

interface RequestsOptions extends SharedOptions {
  readonly gateway?: string
  readonly follow?: boolean
  readonly limit: string
}

/** What the command shows of a record; others may be added to it. */
const requestRecord = z.looseObject({
  atMs: z.number(),
  key: z.string(),
  route: z.string(),
  targets: z.array(z.string()),
  status: z.number(),
  ms: z.number(),
  inputTokens: z.number(),
  outputTokens: z.number(),
  costNanos: z.number().nullable(),
  isEstimated: z.boolean(),
  cached: z.string().optional(),
  findings: z
    .array(
      z.looseObject({ side: z.string(), kind: z.string(), action: z.string(), count: z.number() }),
    )
    .default([]),
})
type RequestRecord = z.infer<typeof requestRecord>

export function addRequests(program: Command): void {
  const command = withShared(program.command('requests'))
    .option('--gateway <url>', 'gateway (default: the one of tutti up)')
    .option('-f, --follow', 'go on with every request as it is answered')
    .option('--limit <count>', 'requests of before to begin with', '20')
    .description('show what the gateway answered: who asked, who answered, what it cost')
  withExamples(command, 'tutti requests --follow', 'tutti requests --limit 100 --json')
  command.action(async (options: RequestsOptions) => {
    const { key, gateway = '' } = loadContext(options)
    const base = (options.gateway ?? gateway).replace(/\/$/, '')
    if (base === '') {
      const hint = 'give it with --gateway, or run tutti up on this machine'
      throw new Failure('tutti/no-context', `no gateway is known here: ${hint}`)
    }
    const query = new URLSearchParams({
      ...{ limit: options.limit, follow: String(options.follow === true) },
    })
    const answer = await fetch(`${base}/v1/requests?${query}`, {
      headers: { authorization: `Bearer ${key}` },
    })
    if (answer.status !== 200 || answer.body === null) {
      const said = (await answer.text()).slice(0, 300)
      throw new Failure('tutti/argument-invalid', `the gateway answered ${answer.status}: ${said}`)
    }
    await printLines(answer.body, (line) => (options.json === true ? line : lineOf(line)))
  })
}

async function printLines(
  body: AsyncIterable<Uint8Array>,
  format: (line: string) => string,
): Promise<void> {
  const decoder = new TextDecoder()
  let rest = ''
  for await (const chunk of body) {
    const lines = (rest + decoder.decode(chunk, { stream: true })).split('\n')
    rest = lines.pop() ?? ''
    for (const line of lines) print(format(line))
  }
}

function lineOf(text: string): string {
  const record = requestRecord.parse(JSON.parse(text))
  const { atMs, status, route, key, targets, ms, inputTokens, outputTokens } = record
  const time = new Date(atMs).toISOString().slice(11, 23)
  const tokens = `${inputTokens}+${outputTokens} tokens`
  const nobody = record.cached === undefined ? 'nobody' : `cache (${record.cached})`
  const by = targets.length === 0 ? nobody : targets.join(', ')
  const spent = `${Math.round(ms)} ms, ${tokens}, ${costOf(record)}`
  return `${time} ${status} ${route} by ${by} for ${key}: ${spent}${foundIn(record)}`
}

/** E.g. `; input: redact 2 card, deny 1 injection`. */
function foundIn({ findings }: RequestRecord): string {
  return ['input', 'output']
    .map((side) => {
      const own = findings.filter((one) => one.side === side)
      const said = own.map(({ action, count, kind }) => `${action} ${count} ${kind}`)
      return own.length === 0 ? '' : `; ${side}: ${said.join(', ')}`
    })
    .join('')
}

function costOf({ costNanos, isEstimated }: RequestRecord): string {
  if (costNanos === null) return 'price unknown'
  const dollars = (costNanos / 1e9).toFixed(6)
  return isEstimated ? `about $${dollars}` : `$${dollars}`
}
