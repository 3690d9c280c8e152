// Metrics
//
// `GET /metrics` in the Prometheus text format (exposition format 0.0.4).

import type { Hono } from 'hono'
import type { ReleaseTotals } from '../fleet/index.ts'
import { newestCheckpoint } from '../governance/index.ts'
import { refuse } from './answer.ts'
import { whyMayNot } from './authorize.ts'
import type { ApiPorts, Env } from './ports.ts'

interface Metric {
  readonly name: string
  readonly type: 'gauge' | 'counter'
  readonly help: string
  readonly samples: readonly {
    readonly labels: Readonly<Record<string, string>>
    readonly value: number
  }[]
}

export function mountMetrics(app: Hono<Env>, ports: ApiPorts): void {
  app.get('/metrics', async (context) => {
    const { principal } = context.get('caller')
    const denied = await whyMayNot(ports, principal, 'read', {
      kind: 'Node',
      project: '',
      name: '',
    })
    if (denied !== null) return refuse(context, 'api/forbidden', denied)
    const metrics = await collect(ports)
    const headers = { 'content-type': 'text/plain; version=0.0.4' }
    return context.text(metrics.map(format).join(''), 200, headers)
  })
}

async function collect(ports: ApiPorts): Promise<Metric[]> {
  const nodes = [...ports.registry.all()]
  const connected = nodes.filter((node) => node.connected).length
  const checkpoint = await newestCheckpoint(ports.sql)
  const loops = ports.loops().statuses()
  const perLoop = (value: (loop: (typeof loops)[number]) => number) =>
    loops.map((loop) => ({ labels: { loop: loop.name }, value: value(loop) }))
  return [
    {
      name: 'tutti_nodes',
      type: 'gauge',
      help: 'Nodes that have joined, by whether they are connected.',
      samples: [
        { labels: { state: 'connected' }, value: connected },
        { labels: { state: 'unreachable' }, value: nodes.length - connected },
      ],
    },
    gatewayMetric(ports),
    ...releaseMetrics(ports.registry.totals()),
    {
      name: 'tutti_ledger_size',
      type: 'gauge',
      help: 'Entries under the newest signed checkpoint.',
      samples: [{ labels: {}, value: checkpoint?.size ?? 0 }],
    },
    {
      name: 'tutti_loop_turns_total',
      type: 'counter',
      help: 'Turns of each background loop.',
      samples: perLoop((loop) => loop.turns),
    },
    {
      name: 'tutti_loop_failures_total',
      type: 'counter',
      help: 'Turns that failed.',
      samples: perLoop((loop) => loop.failures),
    },
    {
      name: 'tutti_loop_last_seconds',
      type: 'gauge',
      help: 'Duration of the last turn.',
      samples: perLoop((loop) => loop.lastMs / 1000),
    },
    {
      name: 'process_resident_memory_bytes',
      type: 'gauge',
      help: 'Resident memory of this process.',
      samples: [{ labels: {}, value: process.memoryUsage.rss() }],
    },
  ]
}

function gatewayMetric({ gateways, snapshots }: ApiPorts): Metric {
  const newest = snapshots.sequence()
  const states = gateways.all().map(({ sequence, refused }) => {
    if (refused !== null) return 'refusing'
    return sequence !== null && sequence === newest ? 'current' : 'behind'
  })
  const samples = (['current', 'behind', 'refusing'] as const).map((state) => {
    return { labels: { state }, value: states.filter((one) => one === state).length }
  })
  const help = 'Gateways that are there, by whether they serve from the newest snapshot.'
  return { name: 'tutti_gateways', type: 'gauge', help, samples }
}

function releaseMetrics(totals: readonly ReleaseTotals[]): Metric[] {
  const perRelease = (value: (of: ReleaseTotals) => number) =>
    totals.map((of) => ({ labels: labelsOf(of), value: value(of) }))
  const judged = (verdict: 'right' | 'wrong', value: (of: ReleaseTotals) => number) =>
    totals.map((of) => ({ labels: { ...labelsOf(of), verdict }, value: value(of) }))
  return [
    {
      name: 'tutti_release_requests_total',
      type: 'counter',
      help: 'Requests that nodes answered, by release; since this process started.',
      samples: perRelease(({ requests }) => requests),
    },
    {
      name: 'tutti_release_errors_total',
      type: 'counter',
      help: 'Of those the ones that failed.',
      samples: perRelease(({ errors }) => errors),
    },
    {
      name: 'tutti_release_feedback_total',
      type: 'counter',
      help: 'Answers that callers said the truth about, by whether they were right.',
      samples: [
        ...judged('right', ({ correct }) => correct),
        ...judged('wrong', ({ incorrect }) => incorrect),
      ],
    },
  ]
}

function labelsOf({ project, deployment, release }: ReleaseTotals): Record<string, string> {
  return { project, deployment, release }
}

function format({ name, type, help, samples }: Metric): string {
  const lines = samples.map(({ labels, value }) => {
    const pairs = Object.entries(labels).map(([key, text]) => `${key}=${JSON.stringify(text)}`)
    return `${name}${pairs.length === 0 ? '' : `{${pairs.join(',')}}`} ${value}`
  })
  return [`# HELP ${name} ${help}`, `# TYPE ${name} ${type}`, ...lines, ''].join('\n')
}
