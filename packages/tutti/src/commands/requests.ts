// tutti requests: what the gateway answered lately, and with --follow what it answers now; `show` has all of one.

import { setTimeout as delay } from 'node:timers/promises'
import type { Command } from 'commander'
import { z } from 'zod'
import { describeError, Failure } from '../failure.ts'
import { clientOf, gatewayAway, gatewayOf, print, printJson } from '../home/index.ts'
import { countOf } from './option-values.ts'
import { type SharedOptions, withExamples, withShared } from './shared-options.ts'
import { ToldRequests } from './told-requests.ts'

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
  priceList: z.string().nullish(),
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
    if (options.limit !== '0') countOf('--limit', options.limit)
    if (options.follow === true) return followRequests(options)
    const tell = (line: string) => print(formatted(line, options))
    if (await eachLine(await listOf(options, options.limit), tell)) return
    throw ended()
  })
  const show = withShared(command.command('show <id>'))
    .option('--gateway <url>', 'gateway (default: the one of tutti up)')
    .description('show one request, and what was asked and answered where its Route keeps it')
  withExamples(show, 'tutti requests show 4f1c…', 'tutti requests show 4f1c… --json')
  // Both commands have options of these names: those before `show` count as well.
  show.action(async (id: string) => showRequest(id, show.optsWithGlobals<RequestsOptions>()))
}

const againMs = 500
const awayMsMax = 60_000
const againLimit = '100' // what came since it broke off, as far as it is remembered

/** Until the list has ended, not for as long as whoever gives it lasts: a worker may be killed. */
async function followRequests(options: RequestsOptions): Promise<void> {
  const told = new ToldRequests()
  let body = await listOf(options, options.limit)
  for (let isAgain = false; ; isAgain = true) {
    const tell = (line: string) => {
      if (told.isNew(line, isAgain)) print(formatted(line, options))
    }
    if (await eachLine(body, tell)) throw ended()
    process.stderr.write('tutti: the list broke off: asking again (Ctrl-C ends this command)\n')
    body = await listAgain(options, told.isEmpty ? options.limit : againLimit)
  }
}

/** Whoever gives it may have to start first. */
async function listAgain(options: RequestsOptions, limit: string): Promise<Lines> {
  const sinceMs = performance.now()
  for (;;) {
    await delay(againMs)
    try {
      return await listOf(options, limit)
    } catch (error) {
      const isAway = error instanceof Failure && error.code === 'tutti/gateway-away'
      if (!isAway || performance.now() - sinceMs > awayMsMax) throw error
    }
  }
}

type Lines = AsyncIterable<Uint8Array>

async function listOf(options: RequestsOptions, limit: string): Promise<Lines> {
  const project = options.project ?? process.env['TUTTI_PROJECT']
  const query = new URLSearchParams({
    ...{ limit, follow: String(options.follow === true) },
    ...(project === undefined ? {} : { project }), // else the key's own
  })
  const answer = await askGateway(options, `/v1/requests?${query}`)
  if (answer.status === 200 && answer.body !== null) return answer.body
  const said = messageOf(await answer.text())
  const code = answer.status < 500 ? 'tutti/argument-invalid' : 'tutti/gateway-away'
  throw new Failure(code, `the gateway answered ${answer.status}: ${said}`)
}

function ended(): Failure {
  return new Failure('tutti/gateway-away', 'the gateway has ended the list: ask again')
}

async function askGateway(options: RequestsOptions, path: string): Promise<Response> {
  const { key, gateway } = gatewayOf(options)
  try {
    return await fetch(gateway + path, { headers: { authorization: `Bearer ${key}` } })
  } catch (cause) {
    throw gatewayAway(gateway, cause)
  }
}

/** What a refusal says, in whatever form. */
function messageOf(text: string): string {
  const refusal = z.object({ error: z.object({ message: z.string() }) })
  try {
    return refusal.parse(JSON.parse(text)).error.message
  } catch {
    return text.slice(0, 300)
  }
}

/** The record is the gateway's while it remembers it; what is kept is the control plane's. */
async function showRequest(id: string, options: RequestsOptions): Promise<void> {
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

/** False where the list was cut. */
async function eachLine(body: Lines, tell: (line: string) => void): Promise<boolean> {
  const decoder = new TextDecoder()
  const chunks = body[Symbol.asyncIterator]()
  let rest = ''
  for (;;) {
    const next = await chunks.next().catch(() => null)
    if (next === null || next.done === true) return next !== null
    const lines = (rest + decoder.decode(next.value, { stream: true })).split('\n')
    rest = lines.pop() ?? ''
    for (const line of lines) if (line !== '') tell(line) // none: it is still there
  }
}

function formatted(line: string, { json }: Pick<RequestsOptions, 'json'>): string {
  return json === true ? line : lineOf(line)
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
