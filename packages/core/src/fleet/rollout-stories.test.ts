import { readdirSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { runStory, type StoryCommand } from '../../../testkit/src/story.ts'
import { type Assignment, releaseFor } from './assignment.ts'
import { checkPlan } from './check-plan.ts'
import { strategy as strategySchema } from './deployment.ts'
import type { GateVerdict } from './gate.ts'
import { type NodeView, reportOf, reportsOf } from './node.ts'
import { planRollout, type RolloutSpec, type RolloutState, startRollout } from './rollout.ts'

const stories = new URL('../../stories/fleet/', import.meta.url)
const releaseOf = (version: string) => ({
  digest: `sha256:${version.padStart(64, '0')}`,
  model: 'parts',
  version,
  specBytes: 100,
})
const target = releaseOf('2')
const baseline = releaseOf('1')

describe('rollout stories', () => {
  for (const file of readdirSync(stories)) {
    test(file.replace('.txt', '').replaceAll('-', ' '), () =>
      runStory(new URL(file, stories), rolloutWorld()),
    )
  }
})

/** A fleet whose nodes do what they are told when the story says `obey`. */
function rolloutWorld(): (command: StoryCommand) => string {
  let nodes: NodeView[] = []
  let refusing = ''
  let paused = false
  let gate: GateVerdict = { verdict: 'pass' }
  let nowMs = 0
  let spec: RolloutSpec | undefined
  let state: RolloutState | undefined
  let assignment: Assignment | undefined

  const change = (id: string | undefined, to: Partial<NodeView>) => {
    nodes = nodes.map((node) => (node.id === id ? { ...node, ...to } : node))
  }
  const begin = (options: StoryCommand['options']) => {
    const strategy = strategySchema.parse({
      canary: { perStratum: Number(options['perStratum']) },
      soakMs: Number(options['soakMs']),
      maxUnavailable: 1,
      ...(options['waves'] ? { waves: options['waves'].split(',').map(Number) } : {}),
    })
    const start = startRollout(strategy, nodes, { uid: 'u', generation: 2 })
    spec = { strategy, waves: start.waves }
    state = start.state
    assignment = {
      ...{ format: 'tutti/assignment/v1', deployment: 'parts', project: 'default', uid: 'u' },
      ...{ generation: 2, revision: 1, serves: 'parts', selector: { matchLabels: {} } },
      ...{ target, baseline, mode: 'advance', cohort: start.cohort },
      ...{ soakMs: 0, publishers: [], issuedAtMs: 0 },
    }
    return `${describeAssignment(assignment)}; waves ${start.waves.join(' ')}`
  }
  const tick = (ms: number) => {
    if (!spec || !state || !assignment) throw new Error('tick before rollout')
    nowMs += ms
    const at = { assignment, view: { nodes, gate, targetRequests: 0, paused }, nowMs }
    const plan = planRollout(spec, state, at)
    expect(checkPlan(spec, state, plan, at)).toEqual([])
    state = plan.state
    if (plan.change === null) return describeState(state)
    assignment = { ...assignment, ...plan.change, revision: assignment.revision + 1 }
    return `${describeState(state)}\n  ${describeAssignment(assignment)}`
  }
  const obey = () => {
    const held = assignment
    if (held === undefined) throw new Error('obey before rollout')
    nodes = nodes.map((node) => (node.connected ? obeyed(node, held, refusing) : node))
  }

  return ({ name, args, options }) => {
    if (name === 'fleet') nodes.push(...args.map((id) => nodeOf(id, options['stratum'] ?? '')))
    else if (name === 'away') change(args[0], { connected: false })
    else if (name === 'back') change(args[0], { connected: true })
    else if (name === 'refuses') refusing = args[0] ?? ''
    else if (name === 'pause') paused = true
    else if (name === 'resume') paused = false
    else if (name === 'breach') gate = { verdict: 'breach', metric: 'errors', message: 'too many' }
    else if (name === 'obey') obey()
    else if (name === 'rollout') return begin(options)
    else if (name === 'tick') return tick(Number(options['ms'] ?? 0))
    else if (name === 'nodes') return nodes.map(describeNode).join('\n')
    else throw new Error(`unknown command ${name}`)
    return ''
  }
}

function nodeOf(id: string, stratum: string): NodeView {
  const { digest } = baseline
  const state = { phase: 'committed', release: digest, serving: digest, variant: 'fp32' } as const
  const report = { deployment: 'parts', project: 'default', generation: 1, revision: 1, state }
  const reports = reportsOf([report])
  return { id, labels: {}, cordoned: false, connected: true, seenMs: 0, stratum, reports }
}

function obeyed(node: NodeView, assignment: Assignment, refusing: string): NodeView {
  const release = releaseFor(node, assignment)?.digest ?? ''
  const refuses = release === target.digest && node.id === refusing
  const committed = { phase: 'committed', release, serving: release, variant: 'fp32' } as const
  const failed = { phase: 'failed', release, serving: baseline.digest } as const
  const reason = { reason: 'probe-refused', message: 'golden labels differ' } as const
  const state = refuses ? { ...failed, ...reason } : committed
  const { deployment, project, generation, revision } = assignment
  return { ...node, reports: reportsOf([{ deployment, project, generation, revision, state }]) }
}

function describeState(state: RolloutState): string {
  switch (state.phase) {
    case 'canary':
    case 'wave': {
      const wave = state.phase === 'wave' ? ` ${state.wave + 1}` : ''
      return `${state.phase}${wave}${state.healthySinceMs === null ? '' : ', soaking'}`
    }
    case 'reverting':
    case 'reverted': {
      const { cause } = state
      return `${state.phase} because of ${cause.kind === 'node' ? cause.node : 'the gate'}`
    }
    case 'done':
    case 'superseded':
      return state.phase
  }
}

function describeAssignment({ mode, cohort }: Assignment): string {
  return `${mode} canaries ${cohort.canaries.join(' ')} share ${cohort.share}`
}

function describeNode(node: NodeView): string {
  const { id, connected } = node
  const parts = { deployment: 'parts', project: 'default' }
  const serving = reportOf(node, parts)?.state.serving === target.digest ? 'target' : 'baseline'
  return `${id} ${connected ? '' : 'away, '}serves the ${serving}`
}
