// Asset rows
//
// Versions of a project's assets as they are stored: what was made last, by which run, of what.

import { canonicalJson, type Json } from '@tutti/core/resource'
import { type AssetNeed, assetName, workflowName } from '@tutti/core/workflow'
import { type Query, type Sql, sha256 } from '../store/index.ts'
import { referencesIn } from './artifact-store.ts'
import type { LineageKind } from './lineage.ts'
import type { RunHead } from './run-head.ts'

export interface AssetVersion {
  readonly name: string
  /** Empty: the asset has none. */
  readonly partition: string
  /** The run and the step that made it. */
  readonly run: string
  readonly key: string
  readonly workflow: string
  readonly digest: string
  readonly value: Json
  /** What the run had used until then. */
  readonly sources: readonly AssetSource[]
  readonly madeAtMs: number
}

export interface AssetSource {
  readonly kind: LineageKind
  readonly subject: string
}

export interface MadeAsset {
  readonly name: string
  readonly partition: string
  readonly value: Json
  readonly madeAtMs: number
}

const versionsMax = 20 // of one partition: the newest ones
const sourcesMax = 200 // of one version

/** Made twice, by a step that is done again, it is there once. */
export async function saveVersion(
  tx: Query,
  { name, partition, value, madeAtMs }: MadeAsset,
  { run, key }: { readonly run: RunHead; readonly key: string },
): Promise<void> {
  const sources = await tx<AssetSource[]>`
    select kind, subject from workflow_lineage where run = ${run.id} and kind <> 'writes'
      and kind <> 'makes' group by kind, subject order by min(at_ms), subject limit ${sourcesMax}`
  const artifacts = referencesIn(value).map(({ artifact }) => artifact)
  await tx`
    insert into workflow_asset (project, name, partition, run, key, workflow, digest, value,
      artifacts, sources, made_at_ms)
    values (${run.project}, ${name}, ${partition}, ${run.id}, ${key}, ${workflowName(run)},
      ${sha256(canonicalJson(value))}, ${JSON.stringify(value)}, ${artifacts},
      ${JSON.stringify(sources)}, ${madeAtMs})
    on conflict do nothing`
  await tx`
    delete from workflow_asset where (project, name, partition) = (${run.project}, ${name},
      ${partition}) and (run, key) in (
        select run, key from workflow_asset where project = ${run.project} and name = ${name}
          and partition = ${partition}
        order by made_at_ms desc, run, key offset ${versionsMax})`
}

/** The newest version of each that there is, by `NAME@PARTITION`. */
export async function newestVersions(
  tx: Query,
  project: string,
  needs: readonly Pick<AssetNeed, 'name' | 'partition'>[],
): Promise<ReadonlyMap<string, AssetVersion>> {
  const [names, partitions] = [needs.map((one) => one.name), needs.map((one) => one.partition)]
  const rows = await tx<AssetRow[]>`
    select distinct on (name, partition) * from workflow_asset
    where project = ${project} and (name, partition) in (
      select * from unnest(${names}::text[], ${partitions}::text[]))
    order by name, partition, made_at_ms desc, run, key`
  return new Map(rows.map((row) => [assetName(row), versionOf(row)]))
}

/** The newest version of every asset and partition of a project, or of one asset. */
export async function listAssets(
  sql: Sql,
  of: { readonly project: string; readonly name: string | null; readonly limit: number },
): Promise<readonly AssetVersion[]> {
  const rows = await sql<AssetRow[]>`
    select distinct on (name, partition) * from workflow_asset
    where project = ${of.project} and (${of.name}::text is null or name = ${of.name})
    order by name, partition desc, made_at_ms desc, run, key limit ${of.limit}`
  return rows.map(versionOf)
}

/** All versions of one partition that are kept, the newest first. */
export async function loadVersions(
  sql: Sql,
  { project, name, partition }: { project: string } & Pick<AssetNeed, 'name' | 'partition'>,
): Promise<readonly AssetVersion[]> {
  const rows = await sql<AssetRow[]>`
    select * from workflow_asset
    where project = ${project} and name = ${name} and partition = ${partition}
    order by made_at_ms desc, run, key`
  return rows.map(versionOf)
}

/** Steps that read it, the last ones first: of which version is in their detail. */
export async function loadReaders(
  sql: Sql,
  { project, subject, limit }: { project: string; subject: string; limit: number },
): Promise<readonly { readonly run: string; readonly key: string; readonly digest: string }[]> {
  const rows = await sql<{ run: string; key: string; detail: string }[]>`
    select run, key, detail from workflow_lineage
    where project = ${project} and subject = ${subject} and kind = 'needs'
    order by at_ms desc, run, key limit ${limit}`
  return rows.map(({ run, key, detail }) => ({ run, key, digest: JSON.parse(detail).digest }))
}

interface AssetRow {
  readonly name: string
  readonly partition: string
  readonly run: string
  readonly key: string
  readonly workflow: string
  readonly digest: string
  readonly value: string
  readonly sources: string
  readonly made_at_ms: number
}

function versionOf(row: AssetRow): AssetVersion {
  const { name, partition, run, key, workflow, digest, made_at_ms: madeAtMs } = row
  const about = { name, partition, run, key, workflow, digest, madeAtMs }
  return { ...about, value: JSON.parse(row.value), sources: JSON.parse(row.sources) }
}
