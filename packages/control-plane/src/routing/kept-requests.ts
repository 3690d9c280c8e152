// Kept requests
//
// What is kept of requests whose Route says so: taken in from gateways, given to whom policy lets read it, deleted when
// its time has come or the project keeps more than it may.
//
// Invariants:
//   K1. What a gateway says twice is kept once.
//   K2. Nothing is given after its time, swept or not: neither what was said when it came, nor what its Route, or the
//       Provider of its tool, says by now where that is sooner.
//   K3. A project keeps `spaceBytes` at most: the oldest go first.

import type { Resource } from '@tutti/core/resource'
import {
  type KeptRequest,
  keptRequest,
  providerSpec,
  routeSpec,
  serverOfRoute,
  toolRoute,
} from '@tutti/core/routing'
import { allResources, loadResource, type Query, type Sql } from '../store/index.ts'

export interface KeptRequests {
  readonly take: (requests: readonly KeptRequest[]) => Promise<void>
  /** Of one id, the newest first: callers may give several requests the same one. */
  readonly find: (project: string, id: string) => Promise<KeptRequest[]>
  /** Deletes what has run out. */
  readonly sweep: () => Promise<void>
}

const spaceBytesDefault = 2 ** 30 // some ten thousand requests with all of their bodies
const sweptMax = 500 // of one statement: the log of the database has to take them all
const foundMax = 10

export function openKeptRequests(
  sql: Sql,
  nowMs: () => number,
  spaceBytes = spaceBytesDefault,
): KeptRequests {
  return {
    take: async (requests) => {
      const projects = [...new Set(requests.map(({ project }) => project))].sort()
      for (const project of projects) {
        const own = requests.filter((one) => one.project === project)
        await sql.begin((tx) => takeIn(tx, { project, requests: own, spaceBytes }))
      }
    },
    find: async (project, id) => {
      const past = nowMs()
      const rows = await sql<{ document: string }[]>`
        select document from kept_request
        where project = ${project} and id = ${id} and expires_at_ms > ${past}
        order by at_ms desc limit ${foundMax}` // K2
      const kept = rows.map(({ document }) => keptRequest.parse(JSON.parse(document)))
      const held = await Promise.all(kept.map((one) => heldToRule(sql, one)))
      return held.filter(({ expiresAtMs }) => expiresAtMs > past)
    },
    sweep: async () => {
      const past = nowMs()
      for (const rules of await rulesOf(sql)) {
        await sql.begin((tx) => shorten(tx, rules))
      }
      const projects = await sql<{ project: string }[]>`
        select distinct project from kept_request where expires_at_ms <= ${past}`
      for (const { project } of projects) {
        for (let isMore = true; isMore; ) isMore = await sql.begin((tx) => sweep(tx, project, past))
      }
    },
  }
}

async function takeIn(
  tx: Query,
  of: {
    readonly project: string
    readonly requests: readonly KeptRequest[]
    readonly spaceBytes: number
  },
): Promise<void> {
  const { project, requests, spaceBytes } = of
  const heldBytes = await lock(tx, project)
  const rows = requests.map((request) => {
    const document = JSON.stringify(request)
    const { entry, id, route, atMs: at_ms, expiresAtMs: expires_at_ms } = request
    const size_bytes = Buffer.byteLength(document)
    return { project, entry, id, route, at_ms, expires_at_ms, size_bytes, document }
  })
  const taken = await tx<{ size_bytes: string }[]>`
    insert into kept_request ${tx(rows)} on conflict do nothing returning size_bytes` // K1
  let bytes = heldBytes + sumOf(taken)
  while (bytes > spaceBytes) {
    const dropped = await tx<{ size_bytes: string }[]>`
      delete from kept_request where project = ${project} and entry in (
        select entry from (
          select entry, size_bytes, sum(size_bytes) over (order by at_ms, entry) as upto
          from (select * from kept_request where project = ${project}
            order by at_ms, entry limit ${sweptMax}) oldest) counted
        where upto - size_bytes < ${bytes - spaceBytes})
      returning size_bytes` // K3
    if (dropped.length === 0) break
    bytes -= sumOf(dropped)
  }
  await tx`update kept_request_space set size_bytes = ${bytes} where project = ${project}`
}

const dayMs = 86_400_000

/** K2. What is kept of a Route that is gone has the time that it was given. */
async function heldToRule(sql: Query, kept: KeptRequest): Promise<KeptRequest> {
  const { project, route, atMs, expiresAtMs } = kept
  const server = serverOfRoute(route)
  const kind = server === null ? 'Route' : 'Provider'
  const resource = await loadResource(sql, { kind, project, name: server ?? route })
  const days = resource === null ? null : daysOf(kind, resource)
  return days === null ? kept : { ...kept, expiresAtMs: Math.min(expiresAtMs, atMs + days * dayMs) }
}

/** Null where it keeps no bodies. */
function daysOf(kind: 'Route' | 'Provider', { spec }: Pick<Resource, 'spec'>): number | null {
  const bodies =
    kind === 'Route' ? routeSpec.parse(spec).bodies : providerSpec.parse(spec).mcp?.bodies
  return bodies?.days ?? null
}

interface ProjectRules {
  readonly project: string
  /** By the names under which requests count. */
  readonly days: ReadonlyMap<string, number>
}

async function rulesOf(sql: Query): Promise<readonly ProjectRules[]> {
  const projects = new Map<string, Map<string, number>>()
  for (const kind of ['Route', 'Provider'] as const) {
    for (const resource of await allResources(sql, kind)) {
      const { project, name } = resource.metadata
      const days = daysOf(kind, resource)
      if (days === null) continue
      const ofProject = projects.get(project) ?? new Map<string, number>()
      projects.set(project, ofProject.set(kind === 'Route' ? name : toolRoute(name), days))
    }
  }
  return [...projects].map(([project, days]) => ({ project, days }))
}

/** Under the project's lock, as all that writes there. */
async function shorten(tx: Query, { project, days }: ProjectRules): Promise<void> {
  const routes = [...days.keys()]
  const ms = [...days.values()].map((count) => `${count * dayMs}`)
  const [late] = await tx`
    select 1 from kept_request kept
      join unnest(${routes}::text[], ${ms}::bigint[]) as rule (route, ms) using (route)
    where kept.project = ${project} and kept.expires_at_ms > kept.at_ms + rule.ms limit 1`
  if (late === undefined) return
  await lock(tx, project)
  await tx`
    update kept_request kept set expires_at_ms = kept.at_ms + rule.ms
    from unnest(${routes}::text[], ${ms}::bigint[]) as rule (route, ms)
    where kept.project = ${project} and kept.route = rule.route
      and kept.expires_at_ms > kept.at_ms + rule.ms`
}

/** True where there may be more. */
async function sweep(tx: Query, project: string, pastMs: number): Promise<boolean> {
  const heldBytes = await lock(tx, project)
  const rows = await tx<{ size_bytes: string }[]>`
    delete from kept_request where project = ${project} and entry in (
      select entry from kept_request
      where project = ${project} and expires_at_ms <= ${pastMs} limit ${sweptMax})
    returning size_bytes`
  const bytes = heldBytes - sumOf(rows)
  await tx`update kept_request_space set size_bytes = ${bytes} where project = ${project}`
  return rows.length === sweptMax
}

/** What the project keeps; nobody else changes it until the transaction is over. */
async function lock(tx: Query, project: string): Promise<number> {
  await tx`
    insert into kept_request_space (project, size_bytes) values (${project}, 0)
    on conflict do nothing`
  const [row] = await tx<{ size_bytes: string }[]>`
    select size_bytes from kept_request_space where project = ${project} for update`
  return Number(row?.size_bytes ?? 0)
}

function sumOf(rows: readonly { readonly size_bytes: string }[]): number {
  return rows.reduce((sum, row) => sum + Number(row.size_bytes), 0)
}
