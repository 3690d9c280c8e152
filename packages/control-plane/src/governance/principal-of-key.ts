// Principal of key
//
// Who stands behind a Key, as the Key says now. What somebody set going and left (a change that waits for
// approval, a join token) is judged by this when it comes to be carried out: whoever has lost a right since
// has lost it here too.

import type { Resource } from '@tutti/core/resource'
import { keySpec } from '@tutti/core/routing'
import { loadResource, type Query } from '../store/index.ts'
import type { Principal } from './policy-engine.ts'

/** Which Key somebody came with, and whose it was then. */
export interface KeyReference {
  readonly id: string
  readonly project: string
  readonly key: string
}

/** The person or service behind a Key; null once it has expired. */
export function principalOfKey({ metadata, spec }: Resource, nowMs: number): Principal | null {
  const { owner, roles, expiresAtMs } = keySpec.parse(spec)
  if (expiresAtMs !== undefined && expiresAtMs <= nowMs) return null
  return { type: 'User', id: owner, roles, project: metadata.project, key: metadata.name }
}

/** Who a reference stands for, with the roles of now; null where the Key has ended. */
export async function presentPrincipal(
  sql: Query,
  { id, project, key }: KeyReference,
  nowMs: number,
): Promise<Principal | null> {
  const resource = await loadResource(sql, { kind: 'Key', project, name: key })
  const principal = resource === null ? null : principalOfKey(resource, nowMs)
  return principal?.id === id ? principal : null
}
