// Stored responses
//
// Responses that callers asked to be kept, in the database: what gateways save and load for them.
//
// Invariants:
//   P1. Nothing is given after its time, swept or not: neither what was said when it came, nor what its Route says by
//       now where that is sooner.

import { objectOf } from '@tutti/core/dialect'
import { exactJson, exactJsonOf } from '@tutti/core/resource'
import { type ResponseStore, responseDays, routeSpec, storedResponse } from '@tutti/core/routing'
import { allResources, loadResource, type Query, type Sql } from '../store/index.ts'

export interface StoredResponses extends ResponseStore {
  /** Deletes what has run out. */
  readonly sweep: () => Promise<void>
}

// Of one statement: each may hold megabytes, and the log of the database has to take them all.
const sweptMax = 500

export function openStoredResponses(sql: Sql, nowMs: () => number): StoredResponses {
  return {
    save: async ({ id, project, route, expiresAtMs, items, response }) => {
      const body = exactJson({ items, response })
      await sql`
        insert into stored_response (project, id, route, expires_at_ms, kept_at_ms, body)
        values (${project}, ${id}, ${route}, ${expiresAtMs}, ${nowMs()}, ${body})
        on conflict do nothing`
    },
    load: async ({ project, id }) => {
      const [row] = await sql<StoredRow[]>`
        select route, expires_at_ms, kept_at_ms, body from stored_response
        where project = ${project} and id = ${id} and expires_at_ms > ${nowMs()}`
      if (row === undefined) return null
      const expiresAtMs = await endOf(sql, project, row)
      if (expiresAtMs <= nowMs()) return null // P1
      const { route, body } = row
      const said = objectOf(exactJsonOf(body))
      return storedResponse.parse({ project, id, route, expiresAtMs, ...said })
    },
    delete: async ({ project, id }) => {
      const rows = await sql`
        delete from stored_response
        where project = ${project} and id = ${id} and expires_at_ms > ${nowMs()} returning id`
      return rows.length > 0
    },
    sweep: async () => {
      await shorten(sql)
      for (;;) {
        const rows = await sql`
          delete from stored_response where (project, id) in (
            select project, id from stored_response
            where expires_at_ms <= ${nowMs()} limit ${sweptMax})
          returning id`
        if (rows.length < sweptMax) return
      }
    },
  }
}

interface StoredRow {
  readonly route: string
  readonly expires_at_ms: string
  /** Null for what was kept before anybody noted it. */
  readonly kept_at_ms: string | null
  readonly body: string
}

const dayMs = 86_400_000

/** Of a Route that is gone, when it was said to end as it came. */
async function endOf(sql: Query, project: string, row: StoredRow): Promise<number> {
  const saidMs = Number(row.expires_at_ms)
  if (row.kept_at_ms === null) return saidMs
  const route = await loadResource(sql, { kind: 'Route', project, name: row.route })
  if (route === null) return saidMs
  return Math.min(saidMs, Number(row.kept_at_ms) + daysOf(route.spec) * dayMs)
}

function daysOf(spec: unknown): number {
  return routeSpec.parse(spec).responses?.days ?? responseDays
}

/** P1, in the rows themselves, so that they are swept. */
async function shorten(sql: Query): Promise<void> {
  const routes = await allResources(sql, 'Route')
  const projects = routes.map(({ metadata }) => metadata.project)
  const names = routes.map(({ metadata }) => metadata.name)
  const ms = routes.map(({ spec }) => `${daysOf(spec) * dayMs}`)
  await sql`
    update stored_response stored set expires_at_ms = stored.kept_at_ms + rule.ms
    from unnest(${projects}::text[], ${names}::text[], ${ms}::bigint[])
      as rule (project, route, ms)
    where stored.project = rule.project and stored.route = rule.route
      and stored.expires_at_ms > stored.kept_at_ms + rule.ms`
}
