// Automation under policy: what a freeze holds back, and what it must not.

import { assignment, deploymentSpec, type InstallState, releaseFor } from '@tutti/core/fleet'
import { apiVersion, formatKey, type Resource, type ResourceKey } from '@tutti/core/resource'
import { describe, expect, test } from 'vitest'
import { builtInPolicies } from '../governance/built-in-policies.ts'
import { openPolicyEngine } from '../governance/index.ts'
import type { RecordDraft } from '../store/index.ts'
import type { AssignmentRow } from './assignments.ts'
import { reconcileRollouts, statusOf } from './reconcile-rollouts.ts'
import { openRegistry } from './registry.ts'
import type { RolloutStore } from './rollout-store.ts'

/** A store in memory, and what was recorded through it. */
function memoryStore() {
  const resources = new Map<string, Resource>()
  const assignments = new Map<string, AssignmentRow>()
  const records: (RecordDraft & { resource: string })[] = []
  const put = (key: ResourceKey, change: Partial<Omit<Resource, 'kind'>> & { labels?: object }) => {
    const held = resources.get(formatKey(key))
    const {
      labels = held?.metadata.labels ?? {},
      spec = held?.spec,
      status = held?.status,
    } = change
    const generation = (held?.metadata.generation ?? 0) + 1
    const { kind, project, name } = key
    const times = { createdAtMs: 0, updatedAtMs: 0 }
    const metadata = { name, project, labels, annotations: {}, uid: name, generation, ...times }
    const resource = { apiVersion, kind, metadata, spec, status: status ?? {} } as Resource
    resources.set(formatKey(key), resource)
    return resource
  }
  const store: RolloutStore = {
    all: async (kind) => [...resources.values()].filter((one) => one.kind === kind),
    load: async (key) => resources.get(formatKey(key)) ?? null,
    loadAll: async (keys) => keys.flatMap((key) => resources.get(formatKey(key)) ?? []),
    assignment: async (project, deployment) => assignments.get(`${project}/${deployment}`) ?? null,
    assignments: async () => [...assignments.values()],
    saveStatus: async (key, { status }) => {
      const held = resources.get(formatKey(key))
      if (held !== undefined) resources.set(formatKey(key), { ...held, status })
      return held !== undefined
    },
    commit: async (write, draft, issued) => {
      const resource = put(write.key, { ...write, labels: write.labels })
      records.push({ ...draft, resource: formatKey(write.key) })
      if (issued !== null) {
        const row = { ...issued, signature: '', entry: String(records.length) }
        assignments.set(`${issued.project}/${issued.deployment}`, row)
      }
      return { ok: true, committed: { resource, entry: records.length } }
    },
  }
  return { store, put, records, resources }
}

const file = { path: 'model.onnx', digest: `sha256:${'a'.repeat(64)}`, sizeBytes: 1 }
const format = { format: 'onnx', precision: 'fp32' }
const variant = { name: 'v', ...format, files: [file], inputs: [], outputs: [] }

const freeze = `@id("freeze") @reason("production is frozen until Monday")
forbid(principal is Automation, action in [Action::"create", Action::"advance"],
  resource is Rollout) when { context.environment == "production" };`

/** A fleet of some nodes with one production deployment, and the policies as the test sets them. */
function makeWorld() {
  const memory = memoryStore()
  const registry = openRegistry()
  const world = { isFrozen: false, nowMs: 1_000 }
  const engineOf = (isFrozen: boolean) => {
    const own = Object.entries(builtInPolicies).map(([name, spec]) => ({ name, spec }))
    const more = isFrozen ? [{ name: 'freeze', spec: { cedar: freeze, description: '' } }] : []
    return openPolicyEngine([...own, ...more])
  }
  const engines = { open: engineOf(false), frozen: engineOf(true) }
  const turn = () =>
    reconcileRollouts({
      ...{ store: memory.store, registry, heartbeatMs: 100, nowMs: () => world.nowMs },
      policies: async () => (world.isFrozen ? engines.frozen : engines.open),
      log: { info: () => {}, error: () => {} },
    })
  const key = (kind: string, name: string) => ({ kind, project: 'default', name })
  for (const version of ['v1', 'v2']) {
    memory.put(key('Model', `m:${version}`), {
      spec: { model: 'm', version, task: 't', variants: [variant] },
    })
  }
  for (const id of ['n1', 'n2', 'n3', 'n4']) {
    registry.declare({ id, labels: {}, cordoned: false }, null)
    registry.connect(id, world.nowMs)
  }
  const deploy = (model: string) =>
    memory.put(key('Deployment', 'd'), {
      labels: { team: 'vision' },
      spec: deploymentSpec.parse({
        ...{ model, environment: 'production' },
        strategy: { canary: { perStratum: 1 }, waves: [1], maxUnavailable: 1, soakMs: 0 },
      }),
    })
  const rollout = (generation: number) => memory.resources.get(`Rollout/default/d-g${generation}`)
  const deployment = () => memory.resources.get('Deployment/default/d')
  /** Every node has done what the newest assignment asks of it, or one has failed. */
  const report = async (failed?: string) => {
    const row = await memory.store.assignment('default', 'd')
    if (row === null) throw new Error('nothing was assigned')
    const { cohort, target } = JSON.parse(row.payload)
    for (const id of cohort.share === 1 ? ['n1', 'n2', 'n3', 'n4'] : cohort.canaries) {
      const about = { release: target.digest, serving: null }
      const state = (
        id === failed
          ? { ...about, phase: 'failed', reason: 'load-failed', message: 'golden outputs missed' }
          : { ...about, phase: 'committed', variant: 'v' }
      ) as InstallState
      const { deployment: name, project, generation, revision } = row
      const reports = [{ deployment: name, project, generation, revision, state }]
      registry.report(id, { full: false, facts: undefined, reports, nowMs: world.nowMs })
    }
  }
  return { ...memory, world, turn, deploy, report, rollout, deployment }
}

type World = ReturnType<typeof makeWorld>

function phaseOf(rollout: Resource | undefined): string {
  return rollout === undefined ? 'none' : statusOf(rollout).state.phase
}

async function settle({ turn, report, world }: World): Promise<void> {
  for (let i = 0; i < 5; i++) {
    await turn()
    await report()
    world.nowMs += 1_000
  }
}

describe('automation asks the policies before every step', () => {
  test('a step is recorded with the policies that permitted it, and carries its labels', async () => {
    const one = makeWorld()
    one.deploy('m:v1')
    await settle(one)
    expect(phaseOf(one.rollout(1))).toBe('done')
    expect(one.rollout(1)?.metadata.labels).toEqual({ team: 'vision' })
    const [created, advanced] = one.records
    expect([created?.action, advanced?.action]).toEqual(['create', 'advance'])
    for (const record of [created, advanced]) {
      expect(record?.principal).toBe('Automation::"rollout"')
      expect(record?.policies).toContain('roles/automation-acts-for-what-was-declared')
    }
  })

  test('frozen, nothing begins and nothing advances; the deployment says which policy forbids it', async () => {
    const one = makeWorld()
    one.deploy('m:v1')
    one.world.isFrozen = true
    await one.turn()
    expect(phaseOf(one.rollout(1))).toBe('none')
    expect(one.deployment()?.status).toMatchObject({
      denied: {
        action: 'create',
        denials: [{ id: 'freeze', reason: 'production is frozen until Monday' }],
      },
    })
    one.world.isFrozen = false
    await one.turn()
    await one.report()
    one.world.isFrozen = true
    await one.turn()
    await one.turn()
    expect(phaseOf(one.rollout(1))).toBe('canary')
    expect(one.deployment()?.status).toMatchObject({ denied: { action: 'advance' } })
    expect(one.records).toHaveLength(1)
    one.world.isFrozen = false
    await settle(one)
    expect(phaseOf(one.rollout(1))).toBe('done')
    expect(one.deployment()?.status).toEqual({})
  })

  test('frozen, a bad model still goes back', async () => {
    const one = makeWorld()
    one.deploy('m:v1')
    await settle(one)
    one.deploy('m:v2')
    await one.turn()
    one.world.isFrozen = true
    const { canaries } = statusOf(one.rollout(2) as Resource).assignment.cohort
    await one.report(canaries[0])
    await one.turn()
    expect(phaseOf(one.rollout(2))).toBe('reverting')
    expect(one.records.at(-1)?.action).toBe('revert')
  })

  test('while a new generation waits, the one that is out goes no further but may go back', async () => {
    const one = makeWorld()
    one.deploy('m:v1')
    await settle(one)
    one.deploy('m:v2')
    await one.turn()
    one.world.isFrozen = true
    one.deploy('m:v1')
    const { canaries } = statusOf(one.rollout(2) as Resource).assignment.cohort
    await one.report()
    await one.turn()
    expect([phaseOf(one.rollout(2)), phaseOf(one.rollout(3))]).toEqual(['canary', 'none'])
    await one.report(canaries[0])
    await one.turn()
    expect(phaseOf(one.rollout(2))).toBe('reverting')
    one.world.isFrozen = false
    await settle(one)
    expect([phaseOf(one.rollout(2)), phaseOf(one.rollout(3))]).toEqual(['superseded', 'done'])
  })
})

describe('a first release that another follows before it is proven everywhere', () => {
  const ids = ['n1', 'n2', 'n3', 'n4']

  /** What each node is to run, by the newest assignment. */
  async function wanted({ store }: World): Promise<readonly (string | undefined)[]> {
    const row = await store.assignment('default', 'd')
    const held = assignment.parse(JSON.parse(row?.payload ?? ''))
    return ids.map((id) => releaseFor({ id, labels: {} }, held)?.version)
  }

  /** Its canaries have proven it, and all have it by now. */
  async function inItsWave(): Promise<World> {
    const one = makeWorld()
    one.deploy('m:v1')
    for (let i = 0; phaseOf(one.rollout(1)) !== 'wave'; i++) {
      if (i > 9) throw new Error('no wave began')
      await one.turn()
      if (phaseOf(one.rollout(1)) !== 'wave') await one.report()
    }
    expect(await wanted(one)).toEqual(['v1', 'v1', 'v1', 'v1'])
    return one
  }

  test('stays where it is, but for the canaries of the next', async () => {
    const one = await inItsWave()
    one.deploy('m:v2')
    await one.turn()
    expect((await wanted(one)).toSorted()).toEqual(['v1', 'v1', 'v1', 'v2'])
    await settle(one)
    expect(await wanted(one)).toEqual(['v2', 'v2', 'v2', 'v2'])
  })

  test('is what nodes go back to, also after a third', async () => {
    const one = await inItsWave()
    for (const [generation, model] of [
      [2, 'm:v2'],
      [3, 'm:v2'],
    ] as const) {
      one.deploy(model)
      await one.turn()
      const [canary] = statusOf(one.rollout(generation) as Resource).assignment.cohort.canaries
      await one.report(canary)
      await one.turn()
      expect(await wanted(one)).toEqual(['v1', 'v1', 'v1', 'v1'])
    }
  })

  test('comes to no node that did not have it (A5)', async () => {
    const one = await inItsWave()
    const before = await one.store.assignment('default', 'd')
    const held = assignment.parse(JSON.parse(before?.payload ?? ''))
    const { uid, generation, selector } = held
    const cohort = { canaries: ['n2'], share: 0 }
    const next = {
      ...held,
      generation: 2,
      baseline: held.target,
      cohort: { ...cohort, canaries: [] },
    }
    const reach = { uid, generation, selector, cohort }
    const of = (id: string, labels = {}, matchLabels = {}) =>
      releaseFor(
        { id, labels },
        { ...next, baselineReach: { ...reach, selector: { matchLabels } } },
      )
    expect(ids.map((id) => of(id)?.version)).toEqual([undefined, 'v1', undefined, undefined])
    expect(of('n2', { site: 'b' }, { site: 'a' })).toBeNull()
  })

  test('goes where its canaries have not proven it', async () => {
    const one = makeWorld()
    one.deploy('m:v1')
    await one.turn()
    one.deploy('m:v2')
    await one.turn()
    expect((await wanted(one)).toSorted()).toEqual(['v2', undefined, undefined, undefined])
  })
})
