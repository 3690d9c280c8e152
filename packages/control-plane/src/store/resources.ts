// Resources
//
// Rows to resources and back. Writing happens in `commit-change.ts` alone, where the record is written in
// the same transaction; status is the exception, since nobody declared it.

import { apiVersion, type Resource, type ResourceKey } from '@tutti/core/resource'
import type { Query, Sql } from './database.ts'

export interface ResourceRow {
  readonly kind: string
  readonly project: string
  readonly name: string
  readonly uid: string
  readonly generation: number
  readonly labels: Readonly<Record<string, string>>
  readonly annotations: Readonly<Record<string, string>>
  readonly spec: unknown
  readonly status: unknown
  readonly created_at_ms: number
  readonly updated_at_ms: number
}

export interface ListFilter {
  readonly kind: string
  readonly project?: string | undefined
  readonly labels?: Readonly<Record<string, string>> | undefined
  /** Name after which to go on; names are in order. */
  readonly after?: { readonly project: string; readonly name: string } | undefined
  readonly limit: number
}

/** The resource, or null where there is none (or no longer). */
export async function loadResource(sql: Query, key: ResourceKey): Promise<Resource | null> {
  const [row] = await sql<ResourceRow[]>`
    select * from resource
    where kind = ${key.kind} and project = ${key.project} and name = ${key.name} and not deleted`
  return row === undefined ? null : resourceOf(row)
}

/** Those of these resources that there are. */
export async function loadResources(sql: Query, keys: readonly ResourceKey[]): Promise<Resource[]> {
  if (keys.length === 0) return []
  const rows = await sql.unsafe<ResourceRow[]>(
    `select * from resource where not deleted and (kind, project, name) in (
       select * from unnest($1::text[], $2::text[], $3::text[]))`,
    [
      keys.map(({ kind }) => kind),
      keys.map(({ project }) => project),
      keys.map(({ name }) => name),
    ],
  )
  return rows.map(resourceOf)
}

/** The Key whose secret has this hash, or null. */
export async function findKey(sql: Query, hash: string): Promise<Resource | null> {
  const [row] = await sql<ResourceRow[]>`
    select * from resource
    where kind = 'Key' and not deleted and spec ->> 'hash' = ${hash}`
  return row === undefined ? null : resourceOf(row)
}

/** Resources in order of project and name, at most `limit`. */
export async function listResources(sql: Query, filter: ListFilter): Promise<Resource[]> {
  const { kind, project, labels, after, limit } = filter
  const rows = await sql<ResourceRow[]>`
    select * from resource
    where kind = ${kind} and not deleted
    ${project === undefined ? sql`` : sql`and project = ${project}`}
    ${labels === undefined ? sql`` : sql`and labels @> ${sql.json(labels)}`}
    ${after === undefined ? sql`` : sql`and (project, name) > (${after.project}, ${after.name})`}
    order by project, name limit ${limit}`
  return rows.map(resourceOf)
}

/** All resources of a kind: for loops, which see the whole or nothing. */
export async function allResources(sql: Query, kind: string): Promise<Resource[]> {
  const rows = await sql<ResourceRow[]>`
    select * from resource where kind = ${kind} and not deleted order by project, name`
  return rows.map(resourceOf)
}

/** Those of a Project and of these kinds that have the name, or a text in their spec that is it. */
export async function resourcesSaying(
  sql: Query,
  of: { readonly project: string; readonly kinds: readonly string[]; readonly name: string },
): Promise<Resource[]> {
  const { project, kinds, name } = of
  const rows = await sql<ResourceRow[]>`
    select * from resource
    where kind in ${sql(kinds)} and project = ${project} and not deleted
    and (name = ${name} or strpos(spec::text, to_json(${name}::text)::text) > 0)
    order by kind, name`
  return rows.map(resourceOf)
}

export type Named = Pick<ResourceRow, 'project' | 'name' | 'labels'>

/** All of a kind that there ever were, or those of a name: deleted ones as they were at last. */
export async function everNamed(
  sql: Query,
  of: { readonly kind: string; readonly name: string | undefined; readonly limit: number },
): Promise<readonly Named[]> {
  return await sql<Named[]>`
    select project, name, labels from resource
    where kind = ${of.kind} ${of.name === undefined ? sql`` : sql`and name = ${of.name}`}
    order by project, name limit ${of.limit}`
}

/** Overwrites the status of one generation; a stale writer changes nothing and gets false. */
export async function saveStatus(
  sql: Sql,
  key: ResourceKey,
  at: { readonly generation: number; readonly status: unknown; readonly nowMs: number },
): Promise<boolean> {
  const rows = await sql`
    update resource set status = ${sql.json(jsonOf(at.status))}, updated_at_ms = ${at.nowMs}
    where kind = ${key.kind} and project = ${key.project} and name = ${key.name}
      and generation = ${at.generation} and not deleted
    returning name`
  if (rows.length === 0) return false
  await sql`select pg_notify('resource', ${`${key.kind}/${key.project}/${key.name}`})`
  return true
}

export function resourceOf(row: ResourceRow): Resource {
  return {
    apiVersion,
    kind: row.kind,
    metadata: {
      name: row.name,
      project: row.project,
      labels: row.labels,
      annotations: row.annotations,
      uid: row.uid,
      generation: row.generation,
      createdAtMs: row.created_at_ms,
      updatedAtMs: row.updated_at_ms,
    },
    spec: row.spec,
    status: row.status,
  }
}

/** A value as the driver wants its JSON: it went through JSON text, so nothing else is in it. */
export function jsonOf(value: unknown): never {
  return JSON.parse(JSON.stringify(value ?? {})) as never
}
