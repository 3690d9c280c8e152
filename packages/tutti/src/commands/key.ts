// tutti key: who may call, what, and how much.

import { createHash, randomBytes } from 'node:crypto'
import { nearest } from '@tutti/core/resource'
import { builtInRoles } from '@tutti/core/routing'
import type { Client } from '@tutti/sdk'
import type { Command } from 'commander'
import { Failure } from '../failure.ts'
import { approvalDid, clientOf, homeFolder, print, printJson } from '../home/index.ts'
import { describeOutcome } from './describe-outcome.ts'
import { type KeyEnd, parseKeyEnd, pickEndMs } from './key-end.ts'
import { countOf } from './option-values.ts'
import { type SharedOptions, withExamples, withShared } from './shared-options.ts'

interface KeyOptions extends SharedOptions {
  readonly owner?: string
  readonly roles: string
  readonly approvalKey?: string
  readonly routes?: string
  readonly tools?: string
  readonly expires?: string
  readonly replace?: boolean
  readonly requestsPerMinute?: string
  readonly tokensPerMinute?: string
  readonly concurrent?: string
}

export function addKey(program: Command): void {
  const group = program.command('key').description('make API keys')
  addApprovalDid(group)
  const command = withShared(group.command('create'))
    .argument('<name>', 'name of the key')
    .option('--owner <name>', 'person or service it belongs to; default: its name')
    .option(
      '--roles <roles>',
      'comma-separated: admin, operator, approver, viewer, caller, gateway',
      'caller',
    )
    .option('--approval-key <did>', 'did:key that signs the owner’s approvals')
    .option('--routes <names>', 'routes it may call; default: all of its project')
    .option('--tools <names>', 'tools it may call: server__tool or server__*; default: all')
    .option('--requests-per-minute <count>', 'requests that the gateway takes of it')
    .option('--tokens-per-minute <count>', 'tokens that its requests and answers may have')
    .option('--concurrent <count>', 'requests on their way at the same time')
    .option(
      '--replace',
      'make it anew where there is one of this name, whose secret and limits end',
    )
    .option('--expires <time>', 'when it ends: 30d, 24h, 90m, or 2027-01-01T00:00:00Z')
    .description('make an API key; its secret is shown once')
  withExamples(
    command,
    'tutti key create app --roles caller',
    'tutti key create trial --routes chat --requests-per-minute 20 --expires 30d',
    'tutti key create bea --roles approver,viewer --approval-key did:key:z6Mk…',
  )
  command.action(async (name: string, options: KeyOptions) => {
    const client = clientOf(options)
    const secret = `tutti_${name}_${randomBytes(32).toString('base64url')}`
    const hash = `sha256:${createHash('sha256').update(secret).digest('hex')}`
    const end = options.expires === undefined ? null : parseKeyEnd(options.expires)
    const spec = { ...specOf(name, options, hash), ...(await expiryOf(client, end)) }
    warnOfRoles(spec.roles)
    const metadata = { name, ...(options.replace === true ? {} : { generation: 0 }) }
    const document = { apiVersion: 'tutti/v1', kind: 'Key', metadata, spec }
    const answer = await client.apply({ kind: 'keys', name }, document).catch((error: unknown) => {
      throw isConflict(error) && options.replace !== true ? thereIsOne(name, error) : error
    })
    if (options.json === true) printJson({ secret, answer })
    else print(`key/${name} ${describeOutcome(answer)}; its secret, shown this once:\n${secret}`)
    if (answer.outcome === 'needs-approval') process.exitCode = 3
  })
}

/** A role that policies of one's own know is none that is known here. */
function warnOfRoles(roles: readonly string[]): void {
  for (const role of roles) {
    if (builtInRoles.some((known) => known === role)) continue
    const near = nearest(role, builtInRoles)
    const hint = near === null ? '' : ` Did you mean ${near}?`
    const fact = `role ${role} is not built in: it may do only what policies of yours let it.`
    process.stderr.write(`${fact}${hint}\n`)
  }
}

function isConflict(error: unknown): boolean {
  return error instanceof Error && 'apiCode' in error && error.apiCode === 'api/conflict'
}

/** Whoever calls with the secret of that one would be refused from now on. */
function thereIsOne(name: string, cause: unknown): Failure {
  const hint = 'choose another name, or make it anew with --replace'
  return new Failure('tutti/argument-invalid', `there is a Key ${name} already: ${hint}`, cause)
}

function specOf(name: string, options: KeyOptions, hash: string) {
  const { owner = name, roles, approvalKey, routes, tools } = options
  const limits = {
    ...limitOf(options, 'requestsPerMinute'),
    ...limitOf(options, 'tokensPerMinute'),
    ...limitOf(options, 'concurrent'),
  }
  return {
    owner,
    roles: roles.split(','),
    hash,
    ...(approvalKey === undefined ? {} : { approvalKey }),
    ...(routes === undefined ? {} : { routes: routes.split(',') }),
    ...(tools === undefined ? {} : { tools: tools.split(',') }),
    ...(Object.keys(limits).length === 0 ? {} : { limits }),
  }
}

async function expiryOf(client: Client, end: KeyEnd | null) {
  if (end === null) return {}
  const { nowMs: planeMs = Date.now() } = await client.whoami() // an older one does not say
  return { expiresAtMs: pickEndMs(end, { ownMs: Date.now(), planeMs }) }
}

type Limit = 'requestsPerMinute' | 'tokensPerMinute' | 'concurrent'

function limitOf(options: KeyOptions, name: Limit): Readonly<Record<string, number>> {
  const text = options[name]
  if (text === undefined) return {}
  const option = name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)
  return { [name]: countOf(`--${option}`, text) }
}

function addApprovalDid(group: Command): void {
  withShared(group.command('approval-did'))
    .description('print the did:key that signs your approvals, for tutti key create --approval-key')
    .action((options: SharedOptions) => print(approvalDid(homeFolder(options))))
}
