// Redeclare
//
// Applies a resource again with another spec, on the generation that was read: whoever changed it in
// between is not written over. What waits for approval has not been done: scripts read that from the exit code, as of apply.

import type { Client, ResourceAnswer } from '@tutti/sdk'

/** Throws as `client.apply` does; a conflict where the resource has changed since it was read. */
export async function redeclare(
  client: Client,
  held: ResourceAnswer,
  at: { readonly plural: string; readonly spec: unknown },
) {
  const { apiVersion, kind, metadata } = held
  const { name, project, labels, annotations, generation } = metadata
  const document = {
    ...{ apiVersion, kind, spec: at.spec },
    metadata: { name, project, labels, annotations, generation },
  }
  const answer = await client.apply({ kind: at.plural, name, project }, document)
  if (answer.outcome === 'needs-approval') process.exitCode = 3
  return answer
}
