// Why held
//
// Why a Project cannot be deleted yet. What people have declared in it would go on without it: its keys would call and spend, and
// nobody would look for them there. What automation made in it (Rollouts, Approvals) is its history, and keeps nobody.

import { kindNames, kinds } from '@tutti/core/kinds'
import type { ResourceKey } from '@tutti/core/resource'
import type { Sql } from '../store/index.ts'

const heldKinds = kindNames.filter((kind) => {
  return kinds[kind].scope === 'project' && kinds[kind].declaredBy === 'people'
})

/** What it holds, by kinds alone: who deletes it may not be one who reads all that is in it. */
export async function whyHeld(sql: Sql, { kind, name }: ResourceKey): Promise<string | null> {
  if (kind !== 'Project') return null
  const rows = await sql<{ kind: (typeof heldKinds)[number]; count: number }[]>`
    select kind, count(*)::int as count from resource
    where project = ${name} and kind in ${sql(heldKinds)} and not deleted
    group by kind order by kind`
  const [first] = rows
  if (first === undefined) return null
  const counts = rows.map((row) => `${kinds[row.kind].plural} (${row.count})`).join(', ')
  const hint = `delete them first (tutti get ${kinds[first.kind].plural} --project ${name})`
  return `Project ${name} still holds ${counts}: ${hint}`
}
