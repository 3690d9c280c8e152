// Bench: fleet-scale
//
// Claim: one control-plane process holds 10,000 nodes over real sockets. In at most 250 MB, idle at 10-s
// heartbeats with at most 10 % of a core; a new assignment is received by all of them within 1 s (p99)
// and acknowledged within 3 s; and when the process is killed, all are back and exact within 30 s.

import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { PlaneClient, publisherPem } from './plane-client.ts'
import { type PlaneProcess, startPlane } from './plane-process.ts'
import { report, round } from './report.ts'
import { joinFleet, ScriptedNode } from './scripted-fleet.ts'

const nodesMax = Number(process.env['TUTTI_BENCH_NODES'] ?? 10_000)
const idleMs = 30_000
const bounds = { rssMb: 250, idlePercent: 10, receivedMs: 1_000, ackedMs: 3_000, backMs: 30_000 }
const waitMsMax = 180_000 // six times the longest bound: then something is broken

export async function fleetScale(): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'tutti-bench-scale-'))
  const bench = new FleetScale(folder)
  try {
    await bench.run()
  } finally {
    await bench.end()
    rmSync(folder, { recursive: true, force: true })
  }
}

class FleetScale {
  readonly #folder: string
  #plane: PlaneProcess | null = null
  readonly #nodes: ScriptedNode[]
  /** What each node got last, and when; and when the control plane had its answer. */
  readonly #received = new Map<string, { version: string; atMs: number }>()
  readonly #acked = new Map<string, number>()

  constructor(folder: string) {
    this.#folder = folder
    const options = {
      url: () => this.#plane?.url ?? 'http://127.0.0.1:1',
      onAssign: (node: ScriptedNode, assignments: readonly { generation: number }[]) => {
        const version = String(assignments[0]?.generation)
        const held = this.#received.get(node.id)
        if (held?.version !== version) {
          this.#received.set(node.id, { version, atMs: performance.now() })
        }
      },
      onAck: (node: ScriptedNode) => {
        this.#acked.set(node.id, performance.now())
      },
    }
    this.#nodes = Array.from({ length: nodesMax }, (_, i) => new ScriptedNode(i, options))
  }

  async run(): Promise<void> {
    const plane = await this.#start(0)
    const client = new PlaneClient(plane.url, plane.admin ?? '')
    const joinedMs = await timed(() =>
      joinFleet(this.#nodes, (path, body) => client.call('POST', path, body)),
    )
    note(`${nodesMax} nodes joined in ${round(joinedMs / 1000)} s`)
    const connectedMs = await timed(async () => {
      for (const node of this.#nodes) node.connect()
      await this.#until('all are connected', () => this.#nodes.every((node) => node.isWelcome))
    })
    note(`all connected in ${round(connectedMs / 1000)} s`)
    await client.pushModel('parts', 'v1')
    await client.pushModel('parts', 'v2')
    await this.#roll(client, 'v1', '1')
    const rolled = await this.#roll(client, 'v2', '2')
    const idle = await this.#idle(plane)
    const backMs = await this.#killed(plane)
    this.#report({ ...rolled, ...idle, backMs })
  }

  async end(): Promise<void> {
    for (const node of this.#nodes) node.stop()
    await this.#plane?.stop()
  }

  async #start(port: number): Promise<PlaneProcess> {
    const plane = await startPlane({ dataFolder: this.#folder, port, publisher: publisherPem })
    this.#plane = plane
    return plane
  }

  /** Deploys a version; says when its first assignment had reached and come back from all. */
  async #roll(client: PlaneClient, version: string, generation: string) {
    const strategy = { soakMs: 0, maxUnavailable: 1, waves: [1], canary: { perStratum: 1 } }
    const startMs = performance.now()
    this.#acked.clear()
    await client.apply('Deployment', 'parts', { model: `parts:${version}`, strategy })
    const has = ({ id }: ScriptedNode) => this.#received.get(id)?.version === generation
    await this.#until(`all have generation ${generation}`, () => this.#nodes.every(has))
    await this.#until('all have answered', () => this.#acked.size === this.#nodes.length)
    const since = (atMs: number) => atMs - startMs
    const receivedMs = percentile(
      [...this.#received.values()].map(({ atMs }) => since(atMs)),
      0.99,
    )
    const ackedMs = percentile([...this.#acked.values()].map(since), 0.99)
    await this.#until('the rollout is done', () => isDone(client, `parts-g${generation}`))
    note(`${version}: done in ${round((performance.now() - startMs) / 1000)} s`)
    return { receivedMs, ackedMs }
  }

  async #idle(plane: PlaneProcess) {
    const before = await plane.usage()
    await new Promise((resolve) => setTimeout(resolve, idleMs))
    const after = await plane.usage()
    const idlePercent = ((after.cpuMs - before.cpuMs) / idleMs) * 100
    return { idlePercent, rssMb: after.rssBytes / 2 ** 20 }
  }

  async #killed(plane: PlaneProcess): Promise<number> {
    const port = Number(new URL(plane.url).port)
    this.#received.clear()
    this.#acked.clear()
    const startMs = performance.now()
    await plane.kill()
    await this.#start(port)
    note(`it answers ${round((performance.now() - startMs) / 1000)} s after the kill`)
    const has = ({ id }: ScriptedNode) => this.#received.get(id)?.version === '2'
    await this.#until('all are back', () => this.#nodes.every(has))
    await this.#until('all have answered', () => this.#acked.size === this.#nodes.length)
    return performance.now() - startMs
  }

  async #until(what: string, holds: () => boolean | Promise<boolean>): Promise<void> {
    const untilMs = performance.now() + waitMsMax
    while (!(await holds())) {
      if (performance.now() > untilMs) throw new Error(`not within ${waitMsMax} ms: ${what}`)
      await new Promise((resolve) => setTimeout(resolve, 50))
    }
  }

  #report(seen: Record<keyof typeof bounds, number>): void {
    const rows = Object.entries(bounds).map(([metric, bound]) => {
      const value = round(seen[metric as keyof typeof bounds])
      return { metric, value, bound, holds: value <= bound ? 'yes' : 'no' }
    })
    const value = round(seen.receivedMs)
    report(rows, {
      ...{ bench: 'fleet-scale', metric: `assignment received by ${nodesMax} nodes, p99` },
      ...{ value, unit: 'ms', peer: `bound ${bounds.receivedMs} ms` },
      ratio: round(value / bounds.receivedMs),
    })
    if (rows.some(({ holds }) => holds === 'no')) process.exitCode = 1
  }
}

async function isDone(client: PlaneClient, rollout: string): Promise<boolean> {
  const found = await client.call('GET', `/rollouts/${rollout}`).catch(() => null)
  const { status } = (found ?? {}) as { status?: { state?: { phase?: string } } }
  return status?.state?.phase === 'done'
}

async function timed(work: () => Promise<void>): Promise<number> {
  const startMs = performance.now()
  await work()
  return performance.now() - startMs
}

function percentile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b)
  return sorted[Math.ceil(sorted.length * share) - 1] ?? 0
}

function note(text: string): void {
  process.stdout.write(`${text}\n`)
}
