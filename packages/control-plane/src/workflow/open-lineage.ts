// Open lineage
//
// A run as events of OpenLineage (2-0-2): a job is a workflow, datasets are artifacts, assets and model versions.

import { createHash } from 'node:crypto'
import type { Json } from '@tutti/core/resource'
import type { Outcome } from '@tutti/core/workflow'
import type { LineageRow } from './lineage.ts'
import type { StoredRun } from './load-runs.ts'

const producer = 'https://github.com/tutti-project/tutti'
const schemaURL = 'https://openlineage.io/spec/2-0-2/OpenLineage.json#/$defs/RunEvent'
const errorSchema = 'https://openlineage.io/spec/facets/1-0-1/ErrorMessageRunFacet.json'
const uuid = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/

/** One event where the run has not ended, two where it has. */
export function openLineageOf(run: StoredRun, rows: readonly LineageRow[]): readonly Json[] {
  const { head } = run
  const begun = { ...eventOf(run, rows), eventType: 'START', eventTime: timeOf(head.startedAtMs) }
  if (run.outcome === null) return [begun]
  const outcome: Outcome = JSON.parse(run.outcome)
  const eventType = { completed: 'COMPLETE', faulted: 'FAIL', cancelled: 'ABORT' }[outcome.status]
  const ended = eventOf(run, rows)
  const facets = outcome.status === 'faulted' ? { errorMessage: errorFacet(outcome.error) } : {}
  const eventTime = timeOf(run.updatedAtMs)
  return [begun, { ...ended, eventType, eventTime, run: { runId: runIdOf(head.id), facets } }]
}

function eventOf({ head }: StoredRun, rows: readonly LineageRow[]) {
  const { id, project, namespace, name, version } = head
  const isMade = ({ kind }: LineageRow) => kind === 'writes' || kind === 'makes'
  const inputs = rows.filter((row) => !isMade(row))
  const outputs = rows.filter(isMade)
  return {
    ...{ producer, schemaURL },
    run: { runId: runIdOf(id) },
    job: { namespace: `tutti://${project}`, name: `${namespace}.${name}:${version}` },
    inputs: datasetsOf(project, inputs),
    outputs: datasetsOf(project, outputs),
  }
}

const sorts = {
  ...{ uses: 'models', reads: 'artifacts', writes: 'artifacts', needs: 'assets', makes: 'assets' },
} as const

/** Each once, whatever many steps used it. */
function datasetsOf(project: string, rows: readonly LineageRow[]): readonly Json[] {
  const found = new Map(
    rows.map(({ kind, subject: name }) => {
      const namespace = `tutti://${project}/${sorts[kind]}`
      return [`${namespace}/${name}`, { namespace, name }] as const
    }),
  )
  return [...found.values()]
}

function errorFacet({ detail, title, type }: { detail?: string; title?: string; type: string }) {
  const message = detail ?? title ?? type
  const programmingLanguage = 'Open Workflow Specification'
  return { _producer: producer, _schemaURL: errorSchema, message, programmingLanguage }
}

/** A run's id is a UUID, or one follows from it (version 8, of SHA-256). */
function runIdOf(id: string): string {
  if (uuid.test(id)) return id
  const hex = createHash('sha256').update(id).digest('hex')
  const variant = ((Number.parseInt(hex.slice(16, 18), 16) & 0x3f) | 0x80).toString(16)
  const parts = [hex.slice(0, 8), hex.slice(8, 12), `8${hex.slice(13, 16)}`]
  return [...parts, `${variant}${hex.slice(18, 20)}`, hex.slice(20, 32)].join('-')
}

function timeOf(ms: number): string {
  return new Date(ms).toISOString()
}
