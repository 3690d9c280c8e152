// tutti rollout: follow, pause, resume, undo.

import { setTimeout as delay } from 'node:timers/promises'
import type { ChangeAnswer, Client, ResourceAnswer } from '@tutti/sdk'
import type { Command } from 'commander'
import { z } from 'zod'
import { Failure } from '../failure.ts'
import { clientOf, print, printJson } from '../home/index.ts'
import { describeOutcome } from './describe-outcome.ts'
import { at, countsOf, isEnded, phaseOf, progressOf, whyCannot } from './phase-of.ts'
import { redeclare } from './redeclare.ts'
import { type SharedOptions, withExamples, withShared } from './shared-options.ts'

const refreshMs = 500

export function addRollout(program: Command): void {
  const group = program.command('rollout').description('follow and steer rollouts')
  const status = withShared(group.command('status'))
    .argument('<deployment>')
    .option('-w, --watch', 'stay until it has ended')
    .description('show how the newest rollout of a deployment stands')
  withExamples(status, 'tutti rollout status parts --watch')
  status.action(async (name: string, options: SharedOptions & { readonly watch?: boolean }) => {
    await showStatus(clientOf(options), name, options)
  })
  for (const verb of ['pause', 'resume'] as const) {
    const command = withShared(group.command(verb))
      .argument('<deployment>')
      .description(verb === 'pause' ? 'start no further wave' : 'go on after a pause')
    command.action(async (name: string, options: SharedOptions) => {
      const client = clientOf(options)
      const rollout = await newestRollout(client, name)
      const state = at(rollout.status, 'state')
      if (verb === 'pause' && isEnded(state)) {
        const phase = phaseOf(rollout.status)
        const message = `the rollout of ${name} is ${phase}: there is nothing to pause`
        throw new Failure('tutti/argument-invalid', message)
      }
      const spec = { ...rollout.spec, paused: verb === 'pause' }
      const answer = await redeclare(client, rollout, { plural: 'rollouts', spec })
      if (options.json === true) printJson(answer)
      else print(`rollout of ${name} ${describeSteered(answer, verb)}`)
    })
  }
  const undo = withShared(group.command('undo'))
    .argument('<deployment>')
    .option('--to <model>', 'model version to go back to; default: the one before')
    .description('go back: a new generation with the release before')
  withExamples(undo, 'tutti rollout undo parts', 'tutti rollout undo parts --to parts:v1')
  undo.action(async (name: string, options: SharedOptions & { readonly to?: string }) => {
    const client = clientOf(options)
    const deployment = await client.get({ kind: 'deployments', name })
    const model = options.to ?? (await modelBefore(client, deployment))
    const spec = { ...deployment.spec, model }
    const answer = await redeclare(client, deployment, { plural: 'deployments', spec })
    if (options.json === true) printJson(answer)
    else print(`deployment/${name} back to ${model}: ${describeOutcome(answer)}`)
  })
}

/** What waits for somebody else's approval is not paused. */
function describeSteered(answer: ChangeAnswer, verb: 'pause' | 'resume'): string {
  const done = verb === 'pause' ? 'paused' : 'resumed'
  return answer.outcome === 'needs-approval' ? describeOutcome(answer) : done
}

async function showStatus(
  client: Client,
  name: string,
  options: SharedOptions & { readonly watch?: boolean },
): Promise<void> {
  let last = ''
  for (;;) {
    const deployment = await client.get({ kind: 'deployments', name })
    const { status } = deployment
    const { state, nodes, denied, paused } = status
    const facts = `${progressOf(status, paused)}: ${countsOf(nodes)}`
    const line = `${facts}${whyCannot(status['cannot'])}${describeDenied(denied)}`
    if (options.json === true && options.watch !== true) return printJson(deployment.status)
    if (line !== last) print(options.json === true ? JSON.stringify(deployment.status) : line)
    last = line
    if (at(state, 'phase') === 'reverted') process.exitCode = 1
    if (options.watch !== true || isEnded(state)) return
    await delay(refreshMs)
  }
}

/** Why policy lets a rollout take no further step; empty where it does. */
function describeDenied(denied: unknown): string {
  const parsed = z
    .object({
      action: z.string(),
      denials: z.array(z.object({ id: z.string(), reason: z.string() })),
    })
    .safeParse(denied)
  if (!parsed.success) return ''
  const { action, denials } = parsed.data
  return denials
    .map(({ id, reason }) => `; policy ${id} forbids to ${action} it: ${reason}`)
    .join('')
}

async function newestRollout(client: Client, deployment: string): Promise<ResourceAnswer> {
  const { metadata } = await client.get({ kind: 'deployments', name: deployment })
  const rollout = await rolloutOf(client, `${deployment}-g${metadata.generation}`)
  if (rollout !== null) return rollout
  const message = `the rollout of ${deployment} has not begun: tutti rollout status ${deployment}`
  throw new Failure('tutti/argument-invalid', `${message} says what it waits for`)
}

/**
 * The model that ran before the one that is declared: what the newest rollout started from that
 * started from another. One that was gone back from before it ended has run nowhere.
 */
async function modelBefore(client: Client, { metadata, spec }: ResourceAnswer): Promise<string> {
  const { name, generation, uid } = metadata
  let isNewest = true
  for (let before = generation; before > 0; before--) {
    // None yet, or never one: policy held it until another generation came.
    const rollout = await rolloutOf(client, `${name}-g${before}`)
    if (rollout === null) continue
    const { state, assignment } = started.parse(rollout.status)
    if (assignment === null || assignment.uid !== uid) break // of one that was deleted
    const { baseline, target } = assignment
    // Where the newest has ended and another generation waits for its own, nodes run what it brought.
    const isRun = isNewest && before < generation && state.phase === 'done'
    isNewest = false
    for (const from of isRun ? [target, baseline] : [baseline]) {
      if (from === null) continue
      const model = `${from.model}:${from.version}`
      if (model !== spec['model']) return model
    }
    if (baseline === null) break
  }
  const message = `${name} has no release before this one: name one with --to MODEL:VERSION`
  throw new Failure('tutti/argument-invalid', message)
}

/** Null where there is none of this name. */
async function rolloutOf(client: Client, name: string): Promise<ResourceAnswer | null> {
  return await client.get({ kind: 'rollouts', name }).catch((error: unknown) => {
    if (Object(error).apiCode === 'api/not-found') return null
    throw error
  })
}

const release = z.looseObject({ model: z.string(), version: z.string() })
const started = z.looseObject({
  state: z.looseObject({ phase: z.string() }),
  assignment: z
    .looseObject({ uid: z.string(), target: release, baseline: release.nullable() })
    .nullable()
    .catch(null),
})
