// Kept requests
//
// What is kept of requests whose Route says so: taken in from gateways, given to whom policy lets read it, deleted when
// its time has come or the project keeps more than it may.
//
// Invariants:
//   K1. What a gateway says twice is kept once.
//   K2. Nothing is given after its time, swept or not.
//   K3. A project keeps `spaceBytes` at most: the oldest go first.

import { type KeptRequest, keptRequest } from '@tutti/core/routing'
import type { Query, Sql } from '../store/index.ts'

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
      const rows = await sql<{ document: string }[]>`
        select document from kept_request
        where project = ${project} and id = ${id} and expires_at_ms > ${nowMs()}
        order by at_ms desc limit ${foundMax}` // K2
      return rows.map(({ document }) => keptRequest.parse(JSON.parse(document)))
    },
    sweep: async () => {
      const past = nowMs()
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
    const { entry, id, atMs: at_ms, expiresAtMs: expires_at_ms } = request
    const size_bytes = Buffer.byteLength(document)
    return { project, entry, id, at_ms, expires_at_ms, size_bytes, document }
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
