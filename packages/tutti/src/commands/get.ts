// tutti get, describe, top: see what is.

import { kindOf, kinds, nearest } from '@tutti/core/resource'
import type { GatewaysAnswer, ResourceAnswer } from '@tutti/sdk'
import type { Command } from 'commander'
import { stringify } from 'yaml'
import { Failure } from '../failure.ts'
import { clientOf, formatAge, formatTable, print, printJson, type Row } from '../home/index.ts'
import { hintAbsent, soughtIn } from './hint-absent.ts'
import { wordOf } from './option-values.ts'
import { parseLabels } from './parse-labels.ts'
import { at, plainLine } from './phase-of.ts'
import { type SharedOptions, withExamples, withShared } from './shared-options.ts'
import { runsOf, summaryOf } from './summary-of.ts'

interface GetOptions extends SharedOptions {
  readonly selector?: string
  readonly output?: string
  readonly allProjects?: boolean
}

export function addGet(program: Command): void {
  const command = withShared(program.command('get'))
    .argument('<kind>', 'kind, e.g. nodes')
    .argument('[name]', 'one of them')
    .option('-l, --selector <labels>', 'only those with these labels: a=b,c=d')
    .option('-o, --output <form>', 'yaml or json')
    .option('-A, --all-projects', 'of all projects')
    .description('list resources, or show one')
  withExamples(
    command,
    'tutti get nodes',
    'tutti get deployments',
    'tutti get deploy parts -o yaml',
  )
  command.action(async (word: string, name: string | undefined, options: GetOptions) => {
    const kind = pluralOf(word)
    if (options.output !== undefined) wordOf('--output', options.output, ['yaml', 'json'])
    parseLabels(options.selector)
    const client = clientOf(options)
    const project = options.allProjects === true ? undefined : options.project
    const items =
      name === undefined
        ? await client.list(kind, { project, labels: options.selector })
        : [await client.get({ kind, name, project })]
    if (items.length === 0 && project !== undefined) {
      await hintAbsent(client, soughtIn(project, { projects: project }))
    }
    if (options.json === true || options.output === 'json') {
      printJson(name === undefined ? items : items[0])
    } else if (options.output === 'yaml') {
      print(items.map((item) => stringify(item).trimEnd()).join('\n---\n'))
    } else print(tableOf(items))
  })
}

export function addDescribe(program: Command): void {
  const command = withShared(program.command('describe'))
    .argument('<kind>', 'kind')
    .argument('<name>', 'name')
    .description('show one resource with all that is known of it')
  withExamples(command, 'tutti describe node edge-7', 'tutti describe deployment parts')
  command.action(async (word: string, name: string, options: SharedOptions) => {
    const item = await clientOf(options).get({ kind: pluralOf(word), name })
    if (options.json === true) return printJson(item)
    const summary = summaryOf(item, Date.now())
    print(`${item.kind} ${item.metadata.name}${summary === '' ? '' : `: ${summary}`}\n`)
    print(stringify(item).trimEnd())
  })
}

export function addTop(program: Command): void {
  const command = withShared(program.command('top'))
    .argument('[what]', 'nodes or gateways', 'nodes')
    .description('show load and releases of every node, or what every gateway serves from')
  withExamples(command, 'tutti top', 'tutti top gateways')
  command.action(async (what: string, options: SharedOptions) => {
    wordOf('tutti top', what, ['nodes', 'gateways'])
    await (what === 'nodes' ? topNodes : topGateways)(options)
  })
}

async function topNodes(options: SharedOptions): Promise<void> {
  const nodes = await clientOf(options).list('nodes')
  if (options.json === true)
    return printJson(nodes.map(({ metadata, status }) => ({ metadata, status })))
  const rows = nodes.map((node): Row => {
    const load = at(node.status, 'load')
    const used = Number(at(load, 'memoryUsedBytes') ?? 0) / 2 ** 20
    return {
      NODE: node.metadata.name,
      STATE: at(node.status, 'connected') === true ? 'connected' : 'unreachable',
      CPU: load === null ? '-' : `${Math.round(Number(at(load, 'cpu') ?? 0) * 100)} %`,
      MEMORY: load === null ? '-' : `${Math.round(used)} MiB`,
      RUNS: runsOf(node),
    }
  })
  print(formatTable(['NODE', 'STATE', 'CPU', 'MEMORY', 'RUNS'], rows))
}

/** Those that follow the control plane now: one that is away is not known here. */
async function topGateways(options: SharedOptions): Promise<void> {
  const answer = await clientOf(options).gateways()
  if (options.json === true) return printJson(answer)
  const rows = answer.items.map(({ host, worker, url, version, sinceMs, ...serves }): Row => {
    return {
      GATEWAY: `${plainLine(host ?? '-')}${worker === null ? '' : `, worker ${worker}`}`,
      URL: plainLine(url ?? '-'),
      VERSION: plainLine(version ?? '-'),
      FOLLOWS: formatAge(Date.now() - sinceMs),
      SNAPSHOT: version === null ? '-' : servesFrom(serves, answer.sequence),
    }
  })
  print(formatTable(['GATEWAY', 'URL', 'VERSION', 'FOLLOWS', 'SNAPSHOT'], rows))
}

/** E.g. `older: it refuses the newest: …`. */
function servesFrom(
  { sequence, refused }: Pick<GatewaysAnswer['items'][number], 'sequence' | 'refused'>,
  newest: number | null,
): string {
  const place = sequence === null ? 'none' : sequence === newest ? 'newest' : 'older'
  return refused === null ? place : `${place}: it refuses the newest: ${plainLine(refused)}`
}

/**
 * The plural of what a person calls a kind. Throws `tutti/argument-invalid` with the nearest one.
 */
function pluralOf(word: string): string {
  const kind = kindOf(word)
  if (kind !== null) return kinds[kind].plural
  const plurals = Object.values(kinds).map(({ plural }) => plural)
  const near = nearest(word, plurals)
  const hint = near === null ? `expected one of ${plurals.join(', ')}` : `did you mean ${near}?`
  throw new Failure('tutti/argument-invalid', `unknown kind ${word}: ${hint}`)
}

function tableOf(items: readonly ResourceAnswer[]): string {
  const hasProject = items.some(({ metadata }) => metadata.project !== '')
  const columns = ['NAME', ...(hasProject ? ['PROJECT'] : []), 'GENERATION', 'STATUS', 'AGE']
  const rows = items.map((item): Row => {
    const { name, project, generation, createdAtMs } = item.metadata
    return {
      NAME: name,
      PROJECT: project,
      GENERATION: String(generation),
      STATUS: summaryOf(item, Date.now()),
      AGE: formatAge(Date.now() - createdAtMs),
    }
  })
  return formatTable(columns, rows)
}
