// Keep result
//
// Does a step as its task's properties say: not at all where its result is known (`cache`), and with the result in the content store
// (`artifact`). What a step reads and makes is noted as lineage.

import { canonicalJson, type Json } from '@tutti/core/resource'
import { type Keep, workflowName } from '@tutti/core/workflow'
import { type Sql, sha256 } from '../store/index.ts'
import type { ActContext } from './act.ts'
import {
  type ArtifactPorts,
  type ArtifactReference,
  bytesOf,
  putArtifact,
  referencesIn,
} from './artifact-store.ts'
import { noteLineage } from './lineage.ts'
import type { Act } from './resident-run.ts'

export interface KeepPorts extends ArtifactPorts {
  readonly sql: Sql
  readonly nowMs: () => number
}

type Perform = (act: Act, context: ActContext) => Promise<Json>

const cachedBytesMax = 256 * 1024 // of one result: larger ones are artifacts

export function keeping(ports: KeepPorts, perform: Perform): Perform {
  return async (act, context) => {
    const { sql, nowMs } = ports
    const { head: run } = context
    const { cache, artifact } = act.keep ?? { cache: null, artifact: null }
    const digest = cache === null ? '' : digestOf(act, context, cache)
    const known = cache === null ? null : await lookUp(ports, run.project, digest)
    if (known !== null) {
      await noteArtifacts(ports, act, context, { kind: 'reads', value: known.output })
      return known.output
    }
    const { action } = act
    const given = 'arguments' in action ? action.arguments : 'input' in action ? action.input : null
    await noteArtifacts(ports, act, context, { kind: 'reads', value: given })
    const made = await perform(act, context)
    const output = artifact === null ? made : await keepArtifact(ports, act, context, made)
    const text = cache === null ? '' : JSON.stringify(output)
    if (cache !== null && text.length <= cachedBytesMax) {
      await sql`
        insert into workflow_cache (project, digest, output, expires_at_ms)
        values (${run.project}, ${digest}, ${text}, ${nowMs() + cache.ttlMs})
        on conflict (project, digest) do update set output = excluded.output,
          expires_at_ms = excluded.expires_at_ms`
    }
    return output
  }
}

/** What was asked for; with a key of the author's own, that of this task. */
function digestOf(act: Act, { head }: ActContext, { key }: NonNullable<Keep['cache']>): string {
  const artifact: Json = act.keep?.artifact == null ? null : { ...act.keep.artifact }
  const asked: Json =
    key === null
      ? { action: JSON.parse(JSON.stringify(act.action)), artifact }
      : { workflow: workflowName({ ...head, version: '' }), task: act.task, key, artifact }
  return sha256(canonicalJson(asked))
}

/** Null where nothing is known, or what is known refers to content that is gone. */
async function lookUp(
  { sql, blobs, nowMs }: KeepPorts,
  project: string,
  digest: string,
): Promise<{ readonly output: Json } | null> {
  const [row] = await sql<{ output: string }[]>`
    select output from workflow_cache
    where project = ${project} and digest = ${digest} and expires_at_ms > ${nowMs()}`
  if (row === undefined) return null
  const output: Json = JSON.parse(row.output)
  for (const { artifact } of referencesIn(output)) {
    if ((await blobs.size(artifact)) === null) return null
    await blobs.touch(artifact)
  }
  return { output }
}

/** A call over HTTP has put it into the store on its way; anything else is put there now. */
async function keepArtifact(
  ports: KeepPorts,
  act: Act,
  context: ActContext,
  made: Json,
): Promise<Json> {
  const { name = '', mediaType = null } = act.keep?.artifact ?? {}
  const [there] = referencesIn(made)
  const isThere = there !== undefined && canonicalJson({ ...there }) === canonicalJson(made)
  const bytes = bytesOf(made)
  const how = { name, mediaType: mediaType ?? bytes.mediaType }
  const { project } = context.head
  const kept = isThere ? there : await putArtifact(ports, project, bytes.chunks, how)
  await noteArtifacts(ports, act, context, { kind: 'writes', value: { ...kept } })
  return { ...kept }
}

async function noteArtifacts(
  { sql, nowMs }: KeepPorts,
  { key }: Act,
  { head: run }: ActContext,
  { kind, value }: { readonly kind: 'reads' | 'writes'; readonly value: Json },
): Promise<void> {
  for (const reference of referencesIn(value)) {
    const { artifact: subject, ...detail } = reference satisfies ArtifactReference
    await noteLineage(sql, { run, key, kind, subject, detail }, nowMs())
  }
}
