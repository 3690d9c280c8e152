// Stored responses
//
// Responses that callers asked to be kept, in the database: what gateways save and load for them.

import { objectOf } from '@tutti/core/dialect'
import { exactJson, exactJsonOf } from '@tutti/core/resource'
import { type ResponseStore, storedResponse } from '@tutti/core/routing'
import type { Sql } from '../store/index.ts'

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
        insert into stored_response (project, id, route, expires_at_ms, body)
        values (${project}, ${id}, ${route}, ${expiresAtMs}, ${body})
        on conflict do nothing`
    },
    load: async ({ project, id }) => {
      const [row] = await sql<{ route: string; expires_at_ms: string; body: string }[]>`
        select route, expires_at_ms, body from stored_response
        where project = ${project} and id = ${id} and expires_at_ms > ${nowMs()}`
      if (row === undefined) return null
      const { route, expires_at_ms: expiresAtMs, body } = row
      const said = objectOf(exactJsonOf(body))
      return storedResponse.parse({ project, id, route, expiresAtMs: Number(expiresAtMs), ...said })
    },
    delete: async ({ project, id }) => {
      const rows = await sql`
        delete from stored_response
        where project = ${project} and id = ${id} and expires_at_ms > ${nowMs()} returning id`
      return rows.length > 0
    },
    sweep: async () => {
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
