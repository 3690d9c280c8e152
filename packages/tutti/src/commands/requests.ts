// tutti requests: what the gateway answered lately, and with --follow what it answers now; `show` has all of one.

import type { Command } from 'commander'
import { z } from 'zod'
import { describeError, Failure } from '../failure.ts'
import { clientOf, print, printJson } from '../home/index.ts'
import { askGateway, type ListOptions, messageOf, readList, timeOfDay } from './gateway-lists.ts'
import { withExamples, withShared } from './shared-options.ts'

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
  priceList: z.string().nullish(),
  arm: z.string().optional(),
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
  command.action((options: ListOptions) =>
    readList('/v1/requests', options, (line) => print(formatted(line, options))),
  )
  const show = withShared(command.command('show <id>'))
    .option('--gateway <url>', 'gateway (default: the one of tutti up)')
    .description('show one request, and what was asked and answered where its Route keeps it')
  withExamples(show, 'tutti requests show 4f1c…', 'tutti requests show 4f1c… --json')
  // Both commands have options of these names: those before `show` count as well.
  show.action(async (id: string) => showRequest(id, show.optsWithGlobals<ListOptions>()))
}

/** The record is the gateway's while it remembers it; what is kept is the control plane's. */
async function showRequest(id: string, options: ListOptions): Promise<void> {
  const remembered = await askGateway(options, `/v1/requests/${encodeURIComponent(id)}`)
    .then(async (answer) => ({ text: await answer.text(), isThere: answer.status === 200 }))
    .catch((error: unknown) => ({ text: describeError(error), isThere: false }))
  const kept = await Promise.resolve()
    .then(() => clientOf(options).keptRequests(id))
    .catch((error: unknown) => (error instanceof Error ? error : new Error(String(error))))
  const items = kept instanceof Error ? [] : kept.items
  const why = kept instanceof Error ? kept.message : null
  if (!remembered.isThere && items.length === 0) {
    const said = messageOf(remembered.text)
    const both = `the gateway: ${said}; the control plane: ${why ?? 'nothing is kept'}`
    throw new Failure('tutti/argument-invalid', `request ${id} is not known here. ${both}`)
  }
  const record: unknown = remembered.isThere ? JSON.parse(remembered.text) : items[0]?.record
  if (options.json === true) return printJson({ record, kept: items, ...(why && { why }) })
  const line = JSON.stringify(record)
  print(lineOf(line))
  const list = requestRecord.safeParse(JSON.parse(line)).data?.priceList ?? null
  if (list !== null) print(`charged by the prices of ${list}`)
  if (why !== null) print(`no bodies: ${why}`)
  for (const { atMs, expiresAtMs, input, output } of items) {
    print(`\nkept from ${timeOf(atMs)} until ${timeOf(expiresAtMs)}`)
    printBody('input', input)
    printBody('output', output)
  }
}

function printBody(side: string, body: { text: string; isCut: boolean } | null): void {
  if (body === null) return print(`${side}: not kept`)
  print(`${side}${body.isCut ? ' (its beginning)' : ''}:\n${prettyOf(body.text)}`)
}

/** Indented where it is whole JSON. */
function prettyOf(text: string): string {
  try {
    return JSON.stringify(JSON.parse(text), null, 2)
  } catch {
    return text
  }
}

function timeOf(ms: number): string {
  return new Date(ms).toISOString()
}

function formatted(line: string, { json }: Pick<ListOptions, 'json'>): string {
  return json === true ? line : lineOf(line)
}

function lineOf(text: string): string {
  const record = requestRecord.parse(JSON.parse(text))
  const { atMs, status, route, key, targets, ms, inputTokens, outputTokens } = record
  const time = timeOfDay(atMs)
  const tokens = `${inputTokens}+${outputTokens} tokens`
  const nobody = record.cached === undefined ? 'nobody' : `cache (${record.cached})`
  const arm = record.arm === undefined ? '' : ` (arm ${record.arm})`
  const by = (targets.length === 0 ? nobody : targets.join(', ')) + arm
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
