// Upgrade runs
//
// Takes runs that have not ended to another version of their workflow: those whose documents agree up to where the run is. The
// others stay as they are, and are named with the first task that differs. Asked for again it goes on with what is left.

import { agreeUpTo, type Program } from '@tutti/core/workflow'
import { loadJournals, loadRuns } from './load-runs.ts'
import { type RunHead, type RunStatus, runStatuses } from './run-head.ts'
import { sendSignal } from './signal.ts'
import type { AgreementPorts } from './upgrade-resident.ts'

export interface UpgradeRequest extends Pick<RunHead, 'project' | 'namespace' | 'name'> {
  readonly to: string
  /** Only runs of this version. */
  readonly from: string | null
  /** Says what would be, and changes nothing. */
  readonly isDry: boolean
  /** Stands in the journals. */
  readonly by: string
}

export interface Upgraded {
  /** Their engines take them along, unless they have gone on to where it differs by then. */
  readonly moved: readonly string[]
  readonly differing: readonly {
    readonly run: string
    readonly version: string
    /** A JSON Pointer into the document. */
    readonly task: string
    readonly reason: string
  }[]
  /** Whether there are runs that were not looked at: asked for again from here. */
  readonly after: string | null
}

const runsMax = 1_000 // for one request: some seconds
const pageMax = 50 // journals in memory at once
const open: readonly RunStatus[] = runStatuses.filter(
  (status) => !['completed', 'faulted', 'cancelled'].includes(status),
)

export async function upgradeRuns(
  ports: AgreementPorts,
  request: UpgradeRequest,
  after: string,
): Promise<Upgraded> {
  const { sql } = ports
  const { project, namespace, name, to, from } = request
  const next = await ports.program({ project, namespace, name, version: to })
  const rows = await sql<{ id: string }[]>`
    select id from workflow_run
    where project = ${project} and namespace = ${namespace} and name = ${name}
      and version <> ${to} and (${from}::text is null or version = ${from})
      and status = any(${[...open]}) and id > ${after}
    order by id limit ${runsMax}`
  const ids = rows.map(({ id }) => id)
  const moved: string[] = []
  const differing: Upgraded['differing'][number][] = []
  for (let at = 0; at < ids.length; at += pageMax) {
    for (const verdict of await judge(ports, ids.slice(at, at + pageMax), next)) {
      if ('task' in verdict) differing.push(verdict)
      else moved.push(verdict.run)
    }
  }
  if (!request.isDry) {
    const signal = { kind: 'upgrade', version: to, by: request.by } as const
    for (const run of moved) await sendSignal(sql, run, signal)
  }
  return { moved, differing, after: ids.length === runsMax ? (ids.at(-1) ?? null) : null }
}

type Verdict = { readonly run: string } | Upgraded['differing'][number]

async function judge(
  ports: AgreementPorts,
  ids: readonly string[],
  next: Program,
): Promise<readonly Verdict[]> {
  const [runs, journals] = await Promise.all([
    loadRuns(ports.sql, ids),
    loadJournals(ports.sql, ids),
  ])
  const verdicts: Verdict[] = []
  for (const { head } of runs) {
    const { id: run, version } = head
    const [before, surroundings] = await Promise.all([
      ports.program(head),
      ports.surroundings(head.project),
    ])
    const entries = journals.get(run)?.entries ?? []
    const agreement = agreeUpTo(before, next, entries, surroundings)
    const { task, reason } = agreement.agrees ? { task: null, reason: '' } : agreement
    verdicts.push(task === null ? { run } : { run, version, task, reason })
  }
  return verdicts
}
