// Why held
//
// Why a resource cannot be deleted yet.
//
// What people have declared in a Project would go on without it: its keys would call and spend, and nobody would look for them there.
// What automation made in it (Rollouts, Approvals) is its history, and keeps nobody. And what another one names is there as long
// as that: callers of a Route without its Provider would be told that nobody answers. What only sets limits, a Budget or a Key, keeps
// nothing: a key is taken away at once, and a limit of what is gone limits nobody.

import { referencesOf } from '@tutti/core/kinds'
import { type Kind, kindNames, kinds, type Resource, type ResourceKey } from '@tutti/core/resource'
import { resourcesSaying, type Sql } from '../store/index.ts'

const heldKinds = kindNames.filter((kind) => {
  return kinds[kind].scope === 'project' && kinds[kind].declaredBy === 'people'
})

/** The kinds that do not work without what they name. */
const holdingKinds = ['Deployment', 'Provider', 'Route'] as const satisfies readonly Kind[]

/** What these may name. */
const holdableKinds: ReadonlySet<string> = new Set<Kind>([
  ...(['Budget', 'Deployment', 'Model', 'Provider', 'Route', 'Secret'] as const),
])

const namesMax = 5 // in a message

/** `isSeen`: who asks may read it; of all others it is said how many they are. */
export async function whyHeld(
  sql: Sql,
  key: ResourceKey,
  isSeen: (resource: Resource) => boolean,
): Promise<string | null> {
  if (key.kind === 'Project') return await whyFull(sql, key)
  const namers = await namersOf(sql, key)
  if (namers.length === 0) return null
  const seen = namers.filter(isSeen).slice(0, namesMax)
  const names = seen.map(({ kind, metadata }) => `${kind} ${metadata.name}`)
  const rest = namers.length - seen.length
  if (rest > 0) names.push(`${rest}${seen.length === 0 ? '' : ' more'}`)
  const hint = 'declare them without it, or delete them first'
  return `${key.kind} ${key.name} is named by ${names.join(', ')}: ${hint}`
}

/** What it holds, by kinds alone: who deletes it may not be one who reads all that is in it. */
async function whyFull(sql: Sql, { name }: ResourceKey): Promise<string | null> {
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

/** What could not be declared any more were it gone. */
async function namersOf(
  sql: Sql,
  { kind, project, name }: ResourceKey,
): Promise<readonly Resource[]> {
  if (!holdableKinds.has(kind)) return []
  const all = await resourcesSaying(sql, { project, kinds: holdingKinds, name })
  const others = all.filter((one) => one.kind !== kind || one.metadata.name !== name)
  const stays = others.filter(({ metadata }) => metadata.name === name).map((one) => one.kind)
  return others.filter((one) =>
    referencesOf(one).some(
      ({ kinds, ...of }) =>
        of.name === name &&
        kinds.some((known) => known === kind) &&
        !kinds.some((known) => stays.includes(known)),
    ),
  )
}
