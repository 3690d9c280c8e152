// tutti approve, reject, token: who may do what.

import type { ApprovalStatement } from '@tutti/core/governance'
import { canonicalJson, formatKey, signingPrefix } from '@tutti/core/resource'
import { signText } from '@tutti/ledger'
import type { Command } from 'commander'
import { Failure } from '../failure.ts'
import {
  approvalKey,
  clientOf,
  homeFolder,
  print,
  printJson,
  readPrivateKey,
} from '../home/index.ts'
import { describeOutcome } from './describe-outcome.ts'
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
      const { approvalSpec } = await import('@tutti/core/governance')
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

export function addReject(program: Command): void {
  const command = withShared(program.command('reject'))
    .argument('<approval>', 'name, as tutti get approvals shows it')
    .option('--reason <text>', 'why; who asked for the change reads it')
    .description('say no to a change that waits for approval, or take back one of your own')
  withExamples(command, 'tutti reject parts-1a2b3c4d --reason "not before Monday"')
  command.action(async (name: string, options: SharedOptions & { readonly reason?: string }) => {
    const answer = await clientOf(options).reject(name, options.reason)
    if (options.json === true) printJson(answer)
    else print(`approval/${name} void: ${answer.reason}`)
  })
}

const minutesMax = 43_200 // 30 days: the control plane makes none that is good for longer

export function addToken(program: Command): void {
  const command = withShared(program.command('token'))
    .option('-l, --labels <labels>', 'labels that the node gets: a=b,c=d')
    .option('--expires <minutes>', 'minutes until it expires', '60')
    .description('make a token that lets one machine join, once')
  withExamples(command, 'tutti token', 'tutti token --labels region=north --expires 10')
  command.action(
    async (options: SharedOptions & { readonly labels?: string; readonly expires: string }) => {
      const labels = parseLabels(options.labels)
      const minutes = Number(options.expires)
      if (!(minutes > 0 && minutes <= minutesMax)) {
        const message = `--expires: expected minutes, at most ${minutesMax}, got ${options.expires}`
        throw new Failure('tutti/argument-invalid', message)
      }
      const expiresInMs = minutes * 60_000
      const answer = await clientOf(options).makeToken({ labels, expiresInMs })
      if (options.json === true) printJson(answer)
      else print(answer.token)
    },
  )
}
