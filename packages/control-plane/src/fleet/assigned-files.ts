// Assigned files
//
// Which files a node may have from its neighbours: those of releases that an assignment gives it now. And
// which nodes have a file, by what they report. Read from the store at most once a second, however many ask.

import { type Assignment, allReports, assignment, modelSpec, releaseFor } from '@tutti/core/fleet'
import type { Blobs, Sql } from '../store/index.ts'
import { allAssignments } from './assignments.ts'
import type { NodeEntry } from './registry.ts'

export interface AssignedFiles {
  /** Size of a file of a release that this node must run, or null. */
  readonly sizeFor: (
    node: Pick<NodeEntry, 'id' | 'labels'>,
    digest: string,
  ) => Promise<number | null>
  /** True where the node serves, or has verified, a release with this file. */
  readonly holds: (node: NodeEntry, digest: string) => boolean
}

interface ReleaseFiles {
  /** By digest, the size. */
  readonly sizes: ReadonlyMap<string, number>
  /** By variant, its files. */
  readonly variants: ReadonlyMap<string, ReadonlySet<string>>
}

const freshMs = 1_000
const specsMax = 1_024
const havingPhases = new Set(['stage', 'probe', 'active', 'soak', 'committed'])

export function openAssignedFiles(of: {
  readonly sql: Sql
  readonly blobs: Pick<Blobs, 'read'>
  readonly steadyMs: () => number
}): AssignedFiles {
  const specs = new Map<string, ReleaseFiles>() // by release digest, immutable; `filesOf` writes
  let assignments: readonly Assignment[] = [] // `read` writes, as the next two
  let readMs = Number.NEGATIVE_INFINITY
  let reading: Promise<void> | null = null

  const filesOf = async (release: string): Promise<void> => {
    if (specs.has(release)) return
    const files = await readRelease(of.blobs, release)
    if (specs.size >= specsMax) specs.clear()
    if (files !== null) specs.set(release, files)
  }
  const read = async () => {
    const rows = await allAssignments(of.sql)
    const all = rows.map(({ payload }) => assignment.parse(JSON.parse(payload)))
    const releases = all.flatMap(({ target, baseline }) => [
      target,
      ...(baseline ? [baseline] : []),
    ])
    for (const { digest } of releases) await filesOf(digest)
    assignments = all
    readMs = of.steadyMs()
  }
  const refresh = async () => {
    reading ??= read().finally(() => {
      reading = null
    })
    await reading
  }
  const find: (...of: Parameters<AssignedFiles['sizeFor']>) => number | null = (node, digest) => {
    for (const one of assignments) {
      const release = releaseFor(node, one)
      const size = release === null ? undefined : specs.get(release.digest)?.sizes.get(digest)
      if (size !== undefined) return size
    }
    return null
  }
  return {
    sizeFor: async (node, digest) => {
      if (of.steadyMs() - readMs > freshMs) await refresh()
      const known = find(node, digest)
      if (known !== null) return known
      await reading // a node may have been assigned it since that read began
      await refresh()
      return find(node, digest)
    },
    holds: (node, digest) =>
      allReports(node).some(({ state }) => {
        if (state.serving !== null && specs.get(state.serving)?.sizes.has(digest)) return true
        if (!havingPhases.has(state.phase) || state.phase === 'idle') return false
        const files = specs.get(state.release)
        if (state.phase !== 'committed') return files?.sizes.has(digest) === true
        return files?.variants.get(state.variant)?.has(digest) === true
      }),
  }
}

async function readRelease(
  blobs: Pick<Blobs, 'read'>,
  release: string,
): Promise<ReleaseFiles | null> {
  try {
    const spec = modelSpec.parse(JSON.parse((await blobs.read(release)).toString('utf8')))
    const files = spec.variants.flatMap((variant) => variant.files)
    const all = spec.signature === undefined ? files : [...files, spec.signature]
    return {
      sizes: new Map(all.map(({ digest, sizeBytes }) => [digest, sizeBytes])),
      variants: new Map(
        spec.variants.map(({ name, files: own }) => [
          name,
          new Set(own.map((file) => file.digest)),
        ]),
      ),
    }
  } catch {
    return null // no blob of it, or of another format: its files come from the origin
  }
}
