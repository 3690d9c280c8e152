// Check keys
//
// A database belongs to the keys that it was begun with: nodes have pinned them, its log is signed by them,
// its secrets are sealed by them. Another control plane's keys on it would be a takeover or a mistake.

import { canonicalJson } from '@tutti/core/resource'
import { Failure } from '../failure.ts'
import { jsonOf, type Sql } from '../store/index.ts'
import type { Identity } from './identity.ts'

/** Notes whose database this is, the first time; throws `control-plane/keys-foreign` for others. */
export async function checkKeys(sql: Sql, identity: Identity, dataFolder: string): Promise<void> {
  const own = { controlPlane: identity.controlPlane, ledger: identity.log.verifier.vkey }
  const [held] = await sql<{ value: unknown }[]>`
    insert into setting (name, value) values ('keys', ${sql.json(jsonOf(own))})
    on conflict (name) do update set name = excluded.name returning value`
  if (canonicalJson(held?.value) === canonicalJson(own)) return
  throw new Failure(
    'control-plane/keys-foreign',
    `the database was begun with other keys than those in ${dataFolder}: put the keys.json that it ` +
      'was begun with there, or give another database',
  )
}
