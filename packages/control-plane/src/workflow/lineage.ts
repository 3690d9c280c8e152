// Lineage
//
// What a run's steps used and made, as rows that can be asked the other way round: which runs used this. A row is written before
// the step's outcome is, so that what stands in a journal can always be found; a step that is done again writes the same row.

import { canonicalJson, type Json } from '@tutti/core/resource'
import { loadResource, type Query, type Sql, sha256 } from '../store/index.ts'
import type { RunHead } from './run-head.ts'

/**
 * `uses`: a model version that answered. `reads`, `writes`: an artifact. `needs`, `makes`: assets.
 */
export type LineageKind = 'uses' | 'reads' | 'writes' | 'needs' | 'makes'

export interface Lineage {
  readonly run: Pick<RunHead, 'id' | 'project'>
  readonly key: string
  readonly kind: LineageKind
  readonly subject: string
  readonly detail?: Json
}

/** What a run's steps used and made, in the order of their keys. */
export async function loadLineage(sql: Query, run: string): Promise<readonly LineageRow[]> {
  const rows = await sql<(Omit<LineageRow, 'atMs'> & { detail: string; at_ms: number })[]>`
    select key, kind, subject, detail, at_ms from workflow_lineage
    where run = ${run} order by at_ms, key limit ${rowsMax}`
  return rows.map(({ key, kind, subject, detail, at_ms: atMs }) => ({
    ...{ key, kind, subject, atMs },
    detail: JSON.parse(detail),
  }))
}

export interface LineageRow {
  readonly key: string
  readonly kind: LineageKind
  readonly subject: string
  readonly detail: Json
  readonly atMs: number
}

const rowsMax = 10_000 // of one run

/** The digest that stands for a model version where it answers, and its name. */
export async function subjectsOfModel(
  sql: Sql,
  project: string,
  name: string,
): Promise<readonly string[]> {
  const model = await loadResource(sql, { kind: 'Model', project, name })
  return model === null ? [name] : [name, sha256(canonicalJson(model.spec))]
}

export async function noteLineage(
  sql: Query,
  { run, key, kind, subject, detail = {} }: Lineage,
  atMs: number,
): Promise<void> {
  await sql`
    insert into workflow_lineage (run, key, kind, subject, project, detail, at_ms)
    values (${run.id}, ${key}, ${kind}, ${subject}, ${run.project}, ${JSON.stringify(detail)},
      ${atMs})
    on conflict do nothing`
}
