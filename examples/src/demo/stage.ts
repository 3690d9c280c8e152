// Stage
//
// What every act has: the fleet, the traffic, the models, and how to say what happens.

import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { ResourceAnswer } from '@tutti/sdk'
import { type Fleet, tuttiAt } from './fleet.ts'
import type { Result } from './processes.ts'
import type { Traffic } from './traffic.ts'

export interface Stage {
  readonly fleet: Fleet
  readonly traffic: Traffic
  /** Folder with `parts-v1` … as `makeModels` writes them. */
  readonly models: string
  /** Folder for whatever an act writes. */
  readonly folder: string
}

/** An act fails with this; the demo says why and, with --ci, exits with an error. */
export class ActFailed extends Error {}

export function must(condition: boolean, claim: string): void {
  if (!condition) throw new ActFailed(claim)
}

const isColour = process.stdout.isTTY

export function say(text: string): void {
  process.stdout.write(`${text}\n`)
}

export function title(text: string): void {
  say(isColour ? `\n\u001b[1m${text}\u001b[0m` : `\n${text}`)
}

export function figure(text: string): void {
  say(`  ${isColour ? '\u001b[32m✓\u001b[0m' : '✓'} ${text}`)
}

/** Runs a command as the admin would, and shows it with its answer. */
export async function command(stage: Stage, ...args: readonly string[]): Promise<Result> {
  const shown = args.map((arg) =>
    arg.replace(`${stage.folder}/`, '').replace(`${stage.models}/`, ''),
  )
  say(`  $ tutti ${shown.join(' ')}`)
  const result = await tuttiAt(stage.fleet.home, args)
  for (const line of result.out.split('\n')) if (line !== '') say(`    ${line}`)
  return result
}

export interface DeploymentWish {
  readonly name: string
  readonly model: string
  readonly environment?: string
  readonly requestsMin?: number
  readonly selector?: Readonly<Record<string, string>>
}

/** Applies a deployment from a file that it writes. */
export async function deploy(stage: Stage, wish: DeploymentWish): Promise<Result> {
  const document = {
    apiVersion: 'tutti/v1',
    kind: 'Deployment',
    metadata: { name: wish.name },
    spec: {
      model: wish.model,
      ...(wish.environment === undefined ? {} : { environment: wish.environment }),
      ...(wish.selector === undefined ? {} : { selector: { matchLabels: wish.selector } }),
      strategy: {
        canary: { perStratum: 1 },
        soakMs: 2_000,
        gate: { requestsMin: wish.requestsMin ?? 0 },
      },
    },
  }
  const path = join(stage.folder, `${wish.name}.yaml`)
  writeFileSync(path, JSON.stringify(document, null, 2))
  return await command(stage, 'apply', '-f', path)
}

export interface RolloutEnd {
  readonly phase: string
  readonly message: string
  readonly seconds: number
  readonly nodes: Readonly<Record<string, number>>
}

/** Follows a deployment until its rollout has ended; says every step. */
export async function followRollout(stage: Stage, name: string): Promise<RolloutEnd> {
  const startMs = performance.now()
  let shown = ''
  for (;;) {
    const { state, nodes } = statusOf(await stage.fleet.client.get({ kind: 'deployments', name }))
    const wave = state.wave === undefined ? '' : ` ${state.wave + 1}`
    const counts = Object.entries(nodes).filter(([, count]) => count > 0)
    const line = `${state.phase}${wave}: ${counts.map(([fact, n]) => `${n} ${fact}`).join(', ')}`
    if (line !== shown) say(`    ${line}`)
    shown = line
    if (['done', 'reverted', 'superseded'].includes(state.phase)) {
      const seconds = (performance.now() - startMs) / 1000
      return { phase: state.phase, message: state.cause?.message ?? '', seconds, nodes }
    }
    must(performance.now() - startMs < 90_000, `${name}: the rollout did not end in 90 s: ${line}`)
    await new Promise((resolve) => setTimeout(resolve, 200))
  }
}

/** Waits until a condition on the deployment's nodes holds. */
export async function untilNodes(
  stage: Stage,
  name: string,
  holds: (nodes: Readonly<Record<string, number>>) => boolean,
): Promise<void> {
  const untilMs = performance.now() + 60_000
  for (;;) {
    const { nodes } = statusOf(await stage.fleet.client.get({ kind: 'deployments', name }))
    if (holds(nodes)) return
    must(performance.now() < untilMs, `${name}: nodes are at ${JSON.stringify(nodes)} after 60 s`)
    await new Promise((resolve) => setTimeout(resolve, 100))
  }
}

interface DeploymentStatus {
  readonly state: {
    readonly phase: string
    readonly wave?: number
    readonly cause?: { readonly message: string }
  }
  readonly nodes: Readonly<Record<string, number>>
}

function statusOf({ status }: ResourceAnswer): DeploymentStatus {
  const { state, nodes } = JSON.parse(JSON.stringify(status))
  return { state, nodes: nodes ?? {} }
}
