// Lineage
//
// What a run's steps used and made, as rows that can be asked the other way round: which runs used this. A row is written before
// the step's outcome is, so that what stands in a journal can always be found; a step that is done again writes the same row.

import type { Json } from '@tutti/core/resource'
import type { Query } from '../store/index.ts'
import type { RunHead } from './run-head.ts'

/** `uses`: a model version that answered. `reads`, `writes`: an artifact. */
export type LineageKind = 'uses' | 'reads' | 'writes'

export interface Lineage {
  readonly run: Pick<RunHead, 'id' | 'project'>
  readonly key: string
  readonly kind: LineageKind
  readonly subject: string
  readonly detail?: Json
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
