// tutti approve, token, key: who may do what.

import { createHash, randomBytes } from 'node:crypto'
import { signingPrefix } from '@tutti/core/fleet'
import { type ApprovalStatement, approvalSpec } from '@tutti/core/governance'
import { canonicalJson, formatKey } from '@tutti/core/resource'
import { signText } from '@tutti/ledger'
import type { Command } from 'commander'
import { Failure } from '../failure.ts'
import {
  approvalDid,
  approvalKey,
  clientOf,
  homeFolder,
  print,
  printJson,
  readPrivateKey,
} from '../home/index.ts'
import { describeOutcome } from './apply.ts'
import { parseLabels } from './parse-labels.ts'
import { type SharedOptions, withExamples, withShared } from './shared-options.ts'

export function addApprove(program: Command): void {
  const command = withShared(program.command('approve'))
    .argument('<approval>', 'name, as tutti get approvals shows it')
    .option('--approval-key <pem>', 'Ed25519 key; default: the one in the home folder')
    .description('sign your approval of a change that waits for it')
  withExamples(command, 'tutti get approvals', 'tutti approve parts-1a2b3c4d')
  command.action(
    async (name: string, options: SharedOptions & { readonly approvalKey?: string }) => {
      const client = clientOf(options)
      const approval = await client.get({ kind: 'approvals', name })
      const spec = approvalSpec.parse(approval.spec)
      const { principal } = await client.whoami()
      const statement: ApprovalStatement = {
        format: 'tutti/approval/v1',
        change: spec.changeDigest,
        policySet: spec.policySet,
        requestedBy: spec.requestedBy,
        approver: `User::"${principal.id}"`,
        expiresAtMs: spec.expiresAtMs,
      }
      const text = canonicalJson(statement)
      const key =
        options.approvalKey === undefined
          ? approvalKey(homeFolder(options))
          : readPrivateKey(options.approvalKey)
      const signature = signText(key, signingPrefix.approval, text)
      const answer = await client.approve(name, { statement: text, signature })
      const { change } = spec
      if (options.json === true) return printJson(answer)
      print(`${change.action} ${formatKey(change)}: ${describeOutcome(answer)}`)
    },
  )
}

export function addToken(program: Command): void {
  const command = withShared(program.command('token'))
    .option('-l, --labels <labels>', 'labels that the node gets: a=b,c=d')
    .option('--expires <minutes>', 'minutes until it expires', '60')
    .description('make a token that lets one machine join, once')
  withExamples(command, 'tutti token', 'tutti token --labels region=north --expires 10')
  command.action(
    async (options: SharedOptions & { readonly labels?: string; readonly expires: string }) => {
      const labels = parseLabels(options.labels)
      const expiresInMs = Number(options.expires) * 60_000
      if (!(expiresInMs > 0)) {
        const message = `--expires: expected minutes, got ${options.expires}`
        throw new Failure('tutti/argument-invalid', message)
      }
      const answer = await clientOf(options).makeToken({ labels, expiresInMs })
      if (options.json === true) printJson(answer)
      else print(answer.token)
    },
  )
}

interface KeyOptions extends SharedOptions {
  readonly owner?: string
  readonly roles: string
  readonly approvalKey?: string
  readonly routes?: string
}

export function addKey(program: Command): void {
  const group = program.command('key').description('make API keys')
  addApprovalDid(group)
  const command = withShared(group.command('create'))
    .argument('<name>', 'name of the key')
    .option('--owner <name>', 'person or service it belongs to; default: its name')
    .option(
      '--roles <roles>',
      'comma-separated: admin, operator, approver, viewer, caller',
      'caller',
    )
    .option('--approval-key <did>', 'did:key that signs the owner’s approvals')
    .option('--routes <names>', 'routes it may call; default: all of its project')
    .description('make an API key; its secret is shown once')
  withExamples(
    command,
    'tutti key create app --roles caller',
    'tutti key create bea --roles approver,viewer --approval-key did:key:z6Mk…',
  )
  command.action(async (name: string, options: KeyOptions) => {
    const client = clientOf(options)
    const secret = `tutti_${name}_${randomBytes(32).toString('base64url')}`
    const spec = {
      owner: options.owner ?? name,
      roles: options.roles.split(','),
      hash: `sha256:${createHash('sha256').update(secret).digest('hex')}`,
      ...(options.approvalKey === undefined ? {} : { approvalKey: options.approvalKey }),
      ...(options.routes === undefined ? {} : { routes: options.routes.split(',') }),
    }
    const document = { apiVersion: 'tutti/v1', kind: 'Key', metadata: { name }, spec }
    const answer = await client.apply({ kind: 'keys', name }, document)
    if (options.json === true) printJson({ secret, answer })
    else print(`key/${name} ${describeOutcome(answer)}; its secret, shown this once:\n${secret}`)
  })
}

function addApprovalDid(group: Command): void {
  withShared(group.command('approval-did'))
    .description('print the did:key that signs your approvals, for tutti key create --approval-key')
    .action((options: SharedOptions) => print(approvalDid(homeFolder(options))))
}

/** `a=b,c=d` as labels. Throws `tutti/argument-invalid`. */
