// Artifact store
//
// Outputs that are kept as content: the journal has a reference to them, and a step that is given the reference gets the bytes.
// They are not held in memory on their way, in or out.

import { createReadStream } from 'node:fs'
import { Readable } from 'node:stream'
import type { Json } from '@tutti/core/resource'
import { digest as digestSchema } from '@tutti/core/resource'
import { standardError } from '@tutti/core/workflow'
import { z } from 'zod'
import { Failure } from '../failure.ts'
import { type Blobs, grantBlob, isGranted, type Sql } from '../store/index.ts'
import { ActFailed } from './act.ts'

/** What stands for an artifact in a run. */
export const artifactReference = z.strictObject({
  artifact: digestSchema,
  name: z.string(),
  mediaType: z.string(),
  sizeBytes: z.number(),
})
export type ArtifactReference = z.infer<typeof artifactReference>

export interface ArtifactPorts {
  readonly sql: Sql
  readonly blobs: Pick<Blobs, 'put' | 'size' | 'path' | 'touch'>
}

export const artifactBytesMax = 16 * 2 ** 30 // larger than what one step of a pipeline makes

/** Keeps what comes, for a project. */
export async function putArtifact(
  { sql, blobs }: ArtifactPorts,
  project: string,
  chunks: AsyncIterable<Uint8Array>,
  { name, mediaType }: { readonly name: string; readonly mediaType: string },
): Promise<ArtifactReference> {
  const { digest, sizeBytes } = await blobs.put(chunks, artifactBytesMax).catch(tooLarge)
  await grantBlob(sql, { digest, project })
  return { artifact: digest, name, mediaType, sizeBytes }
}

function tooLarge(error: unknown): never {
  if (!(error instanceof Failure) || error.code !== 'control-plane/blob-too-large') throw error
  throw new ActFailed(standardError('runtime', `the artifact is too large: ${error.message}`))
}

/** The bytes of an output that is JSON or text. */
export function bytesOf(output: Json): {
  readonly mediaType: string
  readonly chunks: AsyncIterable<Uint8Array>
} {
  const isText = typeof output === 'string'
  const text = isText ? output : JSON.stringify(output)
  const mediaType = isText ? 'text/plain; charset=utf-8' : 'application/json'
  return { mediaType, chunks: Readable.from([Buffer.from(text)]) }
}

/** How to read an artifact from its beginning; throws where the project has none of that digest. */
export async function openArtifact(
  { sql, blobs }: ArtifactPorts,
  project: string,
  { artifact: digest, sizeBytes }: ArtifactReference,
): Promise<() => Readable> {
  const isHere = (await isGranted(sql, { digest, project })) && (await blobs.size(digest)) !== null
  if (!isHere || (await blobs.size(digest)) !== sizeBytes) {
    throw new ActFailed(standardError('configuration', `there is no artifact ${digest}`))
  }
  return () => createReadStream(blobs.path(digest))
}

const depthMax = 50
const referencesMax = 100 // that one step is given

/** The references in a value, each once. */
export function referencesIn(value: Json): readonly ArtifactReference[] {
  const found = new Map<string, ArtifactReference>()
  const look = (part: Json, depth: number): void => {
    if (typeof part !== 'object' || part === null) return
    if (depth > depthMax || found.size >= referencesMax) return
    const parsed = 'artifact' in part ? artifactReference.safeParse(part) : null
    if (parsed?.success === true) found.set(parsed.data.artifact, parsed.data)
    else for (const inner of Object.values(part)) look(inner, depth + 1)
  }
  look(value, 0)
  return [...found.values()]
}
