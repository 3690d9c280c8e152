// Crash matrices
//
// The control plane is killed at every step of a rollout, and a node in every state, each at the points that
// the process finds itself. After each kill it is started again and must come to the same end: nothing lost
// (I1), whatever served goes on serving (I3, I5), the node that is away blocks nothing and is not counted as
// healthy (I4, I9), and the log is one that everybody can verify. A release that takes every process down
// that probes it is given up after three, and what served before serves again.

import { type Score, Scoring } from '../score.ts'
import { type CrashBed, openCrashBed, type Victim } from './crash-bed.ts'

export interface CrashOptions {
  /** How long one matrix may take: points are left out evenly where that is too short. */
  readonly secondsMax: number
}

const waitMsMax = 180_000 // of a machine that has much else to do
const awayName = 'away'

/** All points, however long it takes. */
export async function crash(): Promise<Score> {
  const plane = await crashPlane({ secondsMax: Number.POSITIVE_INFINITY })
  const node = await crashNode({ secondsMax: Number.POSITIVE_INFINITY })
  const scores = [plane, node, await crashModel()]
  const sum = (of: (score: Score) => number) =>
    scores.reduce((total, score) => total + of(score), 0)
  const notes = scores.flatMap((score) => score.notes)
  return { passed: sum((score) => score.passed), total: sum((score) => score.total), notes }
}

/** The control plane, at every write of a rollout. */
export async function crashPlane(options: CrashOptions): Promise<Score> {
  const bed = await openCrashBed(2)
  try {
    await joinAway(bed)
    const asking = askAlways(bed)
    const world = { bed, scoring: new Scoring(), generation: 0 }
    await runMatrix(world, bed.plane, options, async () => void (await bed.startPlane()))
    const failures = await asking.stop()
    world.scoring.check(failures.length === 0, `I3, I5: nodes did not answer: ${failures[0]}`)
    await checkLog(world)
    return world.scoring.score
  } finally {
    await bed.stop()
  }
}

/** A node, at every write and every state. */
export async function crashNode(options: CrashOptions): Promise<Score> {
  const bed = await openCrashBed(2)
  try {
    await joinAway(bed)
    const victim = bed.nodes[0]?.victim
    if (victim === undefined) throw new Error('there is no node')
    const world = { bed, scoring: new Scoring(), generation: 0 }
    await runMatrix(world, victim, options, async (at) => {
      const told = await lastCommitted(bed)
      await bed.startNode(0)
      // I3: before it has heard of anything, it serves what it had committed, and told so.
      const serves = await servedBy(bed, 0)
      world.scoring.check(serves !== null, `I3: ${at}: nothing serves after the restart`)
      if (told === null) return
      world.scoring.check(serves === told, `I3: ${at}: it told ${told}, and serves ${serves}`)
    })
    await checkLog(world)
    return world.scoring.score
  } finally {
    await bed.stop()
  }
}

/** A release that ends the process each time it is probed, as an abort in native code does. */
export async function crashModel(): Promise<Score> {
  const bed = await openCrashBed(2)
  try {
    const scoring = new Scoring()
    await bed.push('v1')
    await apply(bed, 'v1')
    await until(async () => (await deploymentOf(bed)).status.state.phase === 'done')
    const told = await lastCommitted(bed)
    await bed.push('v2')
    for (const { victim } of bed.nodes) victim.arm('state probe')
    await apply(bed, 'v2')
    let deaths = 0
    await until(async () => {
      for (const [index, { victim }] of bed.nodes.entries()) {
        if (victim.isUp) continue
        deaths += 1
        await bed.startNode(index).catch(() => {}) // it may die again while it starts
      }
      return (await deploymentOf(bed)).status.state.phase === 'reverted'
    })
    for (const { victim } of bed.nodes) await victim.disarm()
    const { state } = (await deploymentOf(bed)).status
    const isBlamed = JSON.stringify(state).includes('crashed: ')
    scoring.check(isBlamed, `the rollout ends for another cause: ${JSON.stringify(state)}`)
    scoring.check(deaths === 3, `the release took ${deaths} processes down`)
    for (const index of bed.nodes.keys()) {
      const serves = await servedBy(bed, index)
      scoring.check(serves !== null && serves === told, `I3: n${index} serves ${serves}`)
    }
    return scoring.score
  } finally {
    await bed.stop()
  }
}

interface World {
  readonly bed: CrashBed
  readonly scoring: Scoring
  /** Of the Deployment; `roll` writes. */
  generation: number
}

/** One rollout that is let alone, to see its points, then one for each point that is chosen. */
async function runMatrix(
  world: World,
  victim: Victim,
  { secondsMax }: CrashOptions,
  restart: (at: string) => Promise<void>,
): Promise<void> {
  await roll(world, victim, 0)
  await converge(world, 'the first rollout')
  const startMs = performance.now()
  await roll(world, victim, 0)
  await converge(world, 'the second rollout')
  const turnMs = performance.now() - startMs + 2_500 // and a restart
  const { points } = victim
  world.scoring.check(points.length > 5, `only ${points.length} points were found`)
  const affordable = Math.max(1, Math.floor((secondsMax * 1_000) / turnMs))
  const stride = Math.max(1, points.length / affordable)
  const endMs = performance.now() + secondsMax * 1_000
  for (let place = stride / 2; place < points.length; place += stride) {
    if (performance.now() > endMs) return
    const at = Math.floor(place) + 1
    const name = `${victim.name} at ${at}, ${points[at - 1]}`
    await roll(world, victim, at)
    if (!victim.isUp) await restart(name)
    await converge(world, name)
  }
}

/** Applies a new version and waits until the victim is dead, or the rollout is over without it. */
async function roll(world: World, victim: Victim, at: number): Promise<void> {
  const { bed } = world
  const version = `v${world.generation + 1}`
  await bed.push(version)
  victim.arm(at)
  const problem = await apply(bed, version).then(
    () => null,
    (error: unknown) => String(error),
  )
  await until(async () => !victim.isUp || (problem === null && (await isDone(world, version))))
  await victim.disarm()
  const isWell = victim.isUp || victim.wasKilled
  world.scoring.check(isWell, `${victim.name} ended by itself: ${victim.said.slice(-1_000)}`)
  world.generation += 1
  if (problem === null) return
  // Whoever was not answered asks again: it is the same change, whether it was made or not.
  world.scoring.check(/fetch failed|50[0-9]/.test(problem), `no clear error: ${problem}`)
  if (!bed.plane.isUp) await bed.startPlane()
  await apply(bed, version)
}

async function apply(bed: CrashBed, version: string): Promise<void> {
  const strategy = { canary: { perStratum: 1 }, waves: [1], maxUnavailable: 1, soakMs: 0 }
  const spec = { model: `crash:${version}`, strategy }
  const metadata = { name: 'crash' }
  const document = { apiVersion: 'tutti/v1', kind: 'Deployment', metadata, spec }
  await bed.call('PUT', '/deployments/crash', document)
}

async function isDone({ bed }: World, version: string): Promise<boolean> {
  const deployment = await deploymentOf(bed).catch(() => null) // it is dying
  return deployment?.spec.model === `crash:${version}` && deployment.status.state.phase === 'done'
}

interface DeploymentAnswer {
  readonly metadata: { readonly generation: number }
  readonly spec: { readonly model: string }
  readonly status: {
    readonly state: { readonly phase: string }
    readonly nodes?: Readonly<Record<string, number>>
  }
}

async function deploymentOf(bed: CrashBed): Promise<DeploymentAnswer> {
  return (await bed.call('GET', '/deployments/crash')) as DeploymentAnswer
}

/** Waits for the end, and checks that it is the right one. */
async function converge(world: World, at: string): Promise<void> {
  const { bed, scoring } = world
  const version = `v${world.generation}`
  const facts = { converged: 2, converging: 0, cannot: 0, unreachable: 1 }
  let seen = ''
  const isThere = await until(async () => {
    const deployment = await deploymentOf(bed).catch(() => null)
    seen = JSON.stringify(deployment?.status)
    return (
      (await isDone(world, version)) &&
      JSON.stringify(deployment?.status.nodes) === JSON.stringify(facts) // I4, I9
    )
  }).then(
    () => true,
    () => false,
  )
  scoring.check(isThere, `${at}: it does not converge: ${seen}`)
  for (const index of bed.nodes.keys()) {
    scoring.check(await isReady(bed, index), `${at}: n${index} does not serve`)
  }
  await checkRecords(world, at)
}

/** I1: every generation has one record, and no record is of a generation that is not. */
async function checkRecords({ bed, scoring }: World, at: string): Promise<void> {
  const { metadata } = await deploymentOf(bed)
  const generations: number[] = []
  for (let from = 0; ; ) {
    const page = (await bed.call('GET', `/ledger/entries?from=${from}`)) as {
      readonly items: readonly { readonly index: number; readonly body?: string }[]
    }
    for (const { body } of page.items) {
      const record = JSON.parse(body ?? '{}')
      if (record.resource === 'Deployment/default/crash') generations.push(record.generation)
    }
    if (page.items.length === 0) break
    from = (page.items.at(-1)?.index ?? 0) + 1
  }
  const wanted = Array.from({ length: metadata.generation }, (_, i) => i + 1)
  const isRight = JSON.stringify(generations) === JSON.stringify(wanted)
  scoring.check(isRight, `I1: ${at}: records of ${generations}, generation ${metadata.generation}`)
}

async function checkLog({ bed, scoring }: World): Promise<void> {
  const said = await bed.tutti('ledger', 'verify')
  scoring.check(said.includes('ok:'), `the log does not verify: ${said}`)
}

/** A machine that joined and has not been seen since. */
async function joinAway(bed: CrashBed): Promise<void> {
  const { didKeyOf, newPrivateKey, signText } = await import('@tutti/ledger')
  const { signingPrefix } = await import('@tutti/core/resource')
  const key = newPrivateKey()
  const { token } = (await bed.call('POST', '/tokens', {})) as { token: string }
  const signature = signText(key, signingPrefix.hello, token)
  await bed.call('POST', '/join', { token, name: awayName, publicKey: didKeyOf(key), signature })
}

/** The release that n0 told of last as committed; null where it told of something else since. */
async function lastCommitted(bed: CrashBed): Promise<string | null> {
  const { status } = (await bed.call('GET', '/nodes/n0')) as {
    readonly status: { readonly reports?: readonly { readonly state: ReportedState }[] }
  }
  const state = status.reports?.[0]?.state
  return state?.phase === 'committed' ? state.release : null
}

interface ReportedState {
  readonly phase: string
  readonly release: string
}

/** The release that a node answers with; null where it does not answer. */
async function servedBy(bed: CrashBed, index: number): Promise<string | null> {
  const node = bed.nodes[index]
  if (node === undefined) return null
  const inputs = [{ name: 'x', datatype: 'FP32', shape: [1, 1], data: [1] }]
  const answer = await fetch(`${node.url()}/v2/models/crash/infer`, {
    method: 'POST',
    headers: { authorization: `Bearer ${node.key}` },
    body: JSON.stringify({ inputs }),
  }).catch(() => null) // it is dead
  await answer?.arrayBuffer()
  return answer?.status === 200 ? answer.headers.get('x-tutti-release') : null
}

async function isReady(bed: CrashBed, index: number): Promise<boolean> {
  return (await servedBy(bed, index)) !== null
}

/** Asks the nodes all the time, from their first answer on; every other answer is a failure. */
function askAlways(bed: CrashBed): { readonly stop: () => Promise<string[]> } {
  const failures: string[] = []
  let isOver = false
  const lane = async (index: number) => {
    let hasServed = false
    while (!isOver) {
      const isThere = await isReady(bed, index)
      if (hasServed && !isThere) failures.push(`n${index}`)
      hasServed ||= isThere
      await new Promise((resolve) => setTimeout(resolve, 20))
    }
  }
  const lanes = [...bed.nodes.keys()].map(lane)
  return {
    stop: async () => {
      isOver = true
      await Promise.all(lanes)
      return failures
    },
  }
}

async function until(holds: () => Promise<boolean>): Promise<void> {
  const untilMs = performance.now() + waitMsMax
  while (!(await holds())) {
    if (performance.now() > untilMs) throw new Error(`not within ${waitMsMax} ms`)
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
}
