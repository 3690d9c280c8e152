// Blob grants
//
// Which projects brought a blob's bytes, and so may use it. Files are stored once however many projects have
// them; a digest alone is no key to another project's model.

import type { Query } from './database.ts'

export interface BlobGrant {
  readonly digest: string
  readonly project: string
}

/** Lets a project use a blob: it has shown all of its bytes. */
export async function grantBlob(sql: Query, { digest, project }: BlobGrant): Promise<void> {
  await sql`
    insert into blob_grant (digest, project) values (${digest}, ${project})
    on conflict do nothing`
}

export async function isGranted(sql: Query, { digest, project }: BlobGrant): Promise<boolean> {
  const rows = await sql`
    select 1 from blob_grant where digest = ${digest} and project = ${project}`
  return rows.length > 0
}

/** Ends the grants of blobs that are no longer stored. */
export async function forgetGrants(sql: Query, digests: readonly string[]): Promise<void> {
  await sql`delete from blob_grant where digest = any(${[...digests]})`
}
