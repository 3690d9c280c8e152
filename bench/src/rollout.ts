// Bench: rollout
//
// Claim: 1,000 nodes take a release in three stages without gate waits within 5 s; 100 such rollouts at once
// end within 20 s; with a fifth of the nodes away, the same. Beside it stand KubeFleet's published 96 s for
// one and 135 s for a hundred: on its own machines, so an order of magnitude and no race.

import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { PlaneClient, publisherPem } from './plane-client.ts'
import { type PlaneProcess, startPlane } from './plane-process.ts'
import { report, round } from './report.ts'
import { joinFleet, ScriptedNode } from './scripted-fleet.ts'

const nodesMax = 1_000
const manyMax = Number(process.env['TUTTI_BENCH_ROLLOUTS'] ?? 100)
const bounds = { one: 5, many: 20 }
const peers = { one: 96, many: 135 }
const waitMsMax = 300_000

export async function rollout(): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'tutti-bench-rollout-'))
  const plane = await startPlane({ dataFolder: folder, port: 0, publisher: publisherPem })
  const options = { url: () => plane.url, answerMsMax: 0 }
  const nodes = Array.from({ length: nodesMax }, (_, i) => new ScriptedNode(i, options))
  try {
    const client = new PlaneClient(plane.url, plane.admin ?? '')
    await joinFleet(nodes, (path, body) => client.call('POST', path, body))
    for (const node of nodes) node.connect()
    await until(() => nodes.every((node) => node.isWelcome))
    for (const version of ['v1', 'v2', 'v3']) await client.pushModel('parts', version)
    const rows = [await measure({ plane, client }, 'everybody there', ['v1', 'v2'])]
    for (const node of nodes.slice(0, nodesMax / 5)) node.stop()
    rows.push(await measure({ plane, client }, 'a fifth away', ['v3', 'v1']))
    tell(rows)
  } finally {
    for (const node of nodes) node.stop()
    await plane.stop()
    rmSync(folder, { recursive: true, force: true })
  }
}

interface Measured {
  readonly nodes: string
  readonly one: number
  readonly many: number
  /** Processor time of the control plane for the many: what a busy machine does not change. */
  readonly cpu: number
}

async function measure(
  { plane, client }: { readonly plane: PlaneProcess; readonly client: PlaneClient },
  nodes: string,
  [first, second]: readonly [string, string],
): Promise<Measured> {
  const one = await roll(client, ['single'], first)
  const names = Array.from({ length: manyMax }, (_, i) => `many-${i}`)
  const before = await plane.usage()
  const many = await roll(client, names, second)
  const after = await plane.usage()
  const cpu = (after.cpuMs - before.cpuMs) / 1000
  return { nodes, one: one / 1000, many: many / 1000, cpu }
}

/** Milliseconds until all of these deployments have this version on the nodes that are there. */
async function roll(client: PlaneClient, names: readonly string[], version: string) {
  const strategy = { soakMs: 0, maxUnavailable: 1, waves: [0.3, 1], canary: { perStratum: 3 } }
  const startMs = performance.now()
  await Promise.all(
    names.map((name) => client.apply('Deployment', name, { model: `parts:${version}`, strategy })),
  )
  await until(async () => {
    const { items } = (await client.call('GET', '/rollouts?limit=500')) as { items: Rollout[] }
    const newest = new Map(items.map((item) => [item.spec.deployment, item]))
    for (const item of items) {
      const held = newest.get(item.spec.deployment)
      if (held && item.spec.generation > held.spec.generation) {
        newest.set(item.spec.deployment, item)
      }
    }
    return names.every((name) => isAt(newest.get(name), version))
  })
  return performance.now() - startMs
}

interface Rollout {
  readonly spec: { readonly deployment: string; readonly generation: number }
  readonly status: {
    readonly state: { readonly phase: string }
    readonly assignment: { readonly target: { readonly version: string } }
  }
}

function isAt(rollout: Rollout | undefined, version: string): boolean {
  const { state, assignment } = rollout?.status ?? {}
  return state?.phase === 'done' && assignment?.target.version === version
}

async function until(holds: () => boolean | Promise<boolean>): Promise<void> {
  const untilMs = performance.now() + waitMsMax
  while (!(await holds())) {
    if (performance.now() > untilMs) throw new Error(`not within ${waitMsMax} ms`)
    await new Promise((resolve) => setTimeout(resolve, 100))
  }
}

function tell(rows: readonly Measured[]): void {
  const worst = Math.max(...rows.map(({ many }) => many))
  report(
    rows.map(({ nodes, one, many, cpu }) => ({
      nodes,
      'one rollout, s': round(one),
      [`${manyMax} at once, s`]: round(many),
      'control plane for these, CPU s': round(cpu),
      bounds: `${bounds.one} s, ${bounds.many} s`,
      KubeFleet: `${peers.one} s, ${peers.many} s`,
    })),
    {
      ...{
        bench: 'rollout',
        metric: `${manyMax} rollouts of ${nodesMax} nodes at once`,
        unit: 's',
      },
      ...{
        value: round(worst),
        peer: `KubeFleet ${peers.many} s`,
        ratio: round(worst / peers.many),
      },
    },
  )
  const isWithin = rows.every(({ one, many }) => one <= bounds.one && many <= bounds.many)
  if (!isWithin) process.exitCode = 1
}
