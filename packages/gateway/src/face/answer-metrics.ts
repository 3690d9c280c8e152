// Answer metrics
//
// `GET /metrics`, in the Prometheus text format (0.0.4). Of several workers each counts for itself, from 0 when it is
// started again: their series are told apart by the label `worker`. A caller's key sees what concerns its own Project;
// who scrapes for all comes with the key that the gateway itself has.

import type { SnapshotState } from '../routing/index.ts'
import { formatFamily, joinFamilies } from '../telemetry/index.ts'
import type { Exchange, FacePorts } from './exchange.ts'
import { askOthers } from './other-workers.ts'

/** `project`: null for all of them. */
export async function answerMetrics(
  ports: FacePorts,
  exchange: Pick<Exchange, 'request' | 'reply'>,
  project: string | null,
): Promise<void> {
  const { reply } = exchange
  const { place } = ports.others
  const text = formatMetrics(ports)
  const own = withWorker(project === null ? text : ofProject(text, project), place)
  const answers = await askOthers(ports.others, exchange)
  const theirs = answers.filter(({ status }) => status === 200).map(({ text }) => text)
  reply.header('content-type', 'text/plain; version=0.0.4')
  reply.send(200, Buffer.from(joinFamilies([own, ...theirs])))
}

function formatMetrics(ports: FacePorts): string {
  const { metrics, shadows, bodies, withheld, snapshots, telemetry } = ports
  const all = [metrics, shadows, bodies, withheld, telemetry]
  return formatState(snapshots.state) + all.map((one) => one?.format() ?? '').join('')
}

function formatState({ isFollowing, isRefused, madeMs }: SnapshotState): string {
  return [
    formatFamily('control_plane_up', [['', Number(isFollowing)]]),
    formatFamily('snapshot_refused', [['', Number(isRefused)]]),
    formatFamily('snapshot_timestamp_seconds', madeMs === null ? [] : [['', madeMs / 1_000]]),
  ].join('')
}

const projectOf = /[{,](?:route|server)="([^/"]*)\//

function ofProject(text: string, project: string): string {
  const isIts = (line: string) => (projectOf.exec(line)?.[1] ?? project) === project
  return text.split('\n').filter(isIts).join('\n')
}

const sample = /^([a-zA-Z_:][\w:]*)(?:\{(.*)\})? (\S+)$/

function withWorker(text: string, place: number): string {
  if (place === 0) return text
  const lines = text.split('\n').map((line) => {
    const [, name, labels = '', value] = sample.exec(line) ?? []
    if (name === undefined) return line
    return `${name}{worker="${place}"${labels === '' ? '' : `,${labels}`}} ${value}`
  })
  return lines.join('\n')
}
