// Model store
//
// From a release's digest to a verified model on disk: its spec, the variant that fits this node, its
// files, the publisher's signature. Everything is checked again here, whoever said it was checked before.

import { mkdir, readFile, rm, symlink } from 'node:fs/promises'
import { dirname, join, resolve } from 'node:path'
import {
  checkSignedFiles,
  type Golden,
  golden as goldenSchema,
  type ModelSpec,
  modelSpec,
  pickVariant,
  type Release,
  type Variant,
  type VariantFit,
} from '@tutti/core/fleet'
import { verifyModelSignature } from '@tutti/ledger'
import { Failure, messageOf } from '../failure.ts'
import type { BlobCache, BlobSource } from './blob-cache.ts'

export interface PreparedModel {
  readonly spec: ModelSpec
  readonly variant: Variant
  readonly golden: Golden | null
  /** Path of the variant's first file. */
  readonly entryPath: string
}

export interface FetchWatch {
  readonly signal: AbortSignal
  readonly onProgress: (bytesDone: number, bytesTotal: number) => void
}

export interface VerifyTrust {
  readonly fit: VariantFit
  readonly publishers: readonly string[]
  readonly nowMs: number
}

/** The models on this node's disk, as installers use them. */
export interface ModelStore {
  /** Fetches all files of a release that this node needs. */
  readonly fetch: (
    release: Release,
    at: {
      readonly source: BlobSource | null
      readonly fit: VariantFit
      readonly watch: FetchWatch
    },
  ) => Promise<void>
  /** Checks every digest and the publisher's signature. */
  readonly verify: (release: Release, trust: VerifyTrust) => Promise<PreparedModel>
  /** Forgets the files that none of these releases needs here. */
  readonly collect: (releases: readonly Release[], fit: VariantFit) => Promise<void>
}

/** The store over a cache of files. */
export function openModelStore(blobs: BlobCache): ModelStore {
  return {
    fetch: (release, at) => fetchModel(blobs, release, at),
    verify: (release, trust) => verifyModel(blobs, release, trust),
    collect: async (releases, fit) => {
      const needed = await Promise.all(releases.map((release) => digestsOf(blobs, release, fit)))
      await blobs.collect(new Set(needed.flat()))
    },
  }
}

/** Fetches all files of a release that this node needs. */
async function fetchModel(
  blobs: BlobCache,
  release: Release,
  at: { readonly source: BlobSource | null; readonly fit: VariantFit; readonly watch: FetchWatch },
): Promise<void> {
  const { signal, onProgress } = at.watch
  const specWish = specOf(release)
  await blobs.fetch(specWish, at.source, { signal, onBytes: () => {} })
  const spec = await readSpec(blobs, release)
  const wishes = wishesOf(spec, variantOf(spec, at.fit))
  const bytesTotal = wishes.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0)
  let before = 0
  for (const wish of wishes) {
    const start = before
    const onBytes = (bytes: number) => onProgress(start + bytes, bytesTotal)
    await blobs.fetch(wish, at.source, { signal, onBytes })
    before += wish.sizeBytes
  }
}

/**
 * Checks every digest and the publisher's signature. Throws the failure that says what is wrong.
 */
async function verifyModel(
  blobs: BlobCache,
  release: Release,
  trust: VerifyTrust,
): Promise<PreparedModel> {
  if (!(await blobs.verify(specOf(release)))) {
    throw new Failure('node/digest-mismatch', `the spec of ${release.model}:${release.version}`)
  }
  const spec = await readSpec(blobs, release)
  const variant = variantOf(spec, trust.fit)
  for (const wish of wishesOf(spec, variant)) {
    if (await blobs.verify(wish)) continue
    throw new Failure('node/digest-mismatch', `a file of ${release.model} is not ${wish.digest}`)
  }
  await verifyPublisher(blobs, spec, trust)
  return await prepare(blobs, release, { spec, variant })
}

async function verifyPublisher(
  blobs: BlobCache,
  spec: ModelSpec,
  trust: { readonly publishers: readonly string[]; readonly nowMs: number },
): Promise<void> {
  const name = `${spec.model}:${spec.version}`
  if (spec.signature === undefined) {
    throw new Failure('node/signature-invalid', `${name} is not signed`)
  }
  const bundle = await readFile(blobs.path(spec.signature.digest))
  const verdict = verifyModelSignature(bundle, trust)
  const reason = verdict.ok ? checkSignedFiles(spec, verdict.files) : verdict.reason
  if (reason !== null) throw new Failure('node/signature-invalid', `${name}: ${reason}`)
}

/** Lays the variant's files out under their own names, so that one can refer to another. */
async function prepare(
  blobs: BlobCache,
  release: Release,
  { spec, variant }: { readonly spec: ModelSpec; readonly variant: Variant },
): Promise<PreparedModel> {
  const folder = `${blobs.path(release.digest)}.files`
  for (const { path, digest } of variant.files) {
    const target = join(folder, path)
    await mkdir(dirname(target), { recursive: true })
    await rm(target, { force: true })
    await symlink(resolve(blobs.path(digest)), target)
  }
  const first = variant.files[0]
  const goldenFile = variant.files.find(({ path }) => path === variant.golden)
  return {
    spec,
    variant,
    golden: goldenFile === undefined ? null : await readGolden(blobs.path(goldenFile.digest)),
    entryPath: join(folder, first?.path ?? ''),
  }
}

/** Digests of all that a release needs on this node. */
async function digestsOf(
  blobs: BlobCache,
  release: Release,
  fit: VariantFit,
): Promise<readonly string[]> {
  if (!(await blobs.has(specOf(release)))) return [release.digest]
  const spec = await readSpec(blobs, release)
  return [release.digest, ...wishesOf(spec, variantOf(spec, fit)).map(({ digest }) => digest)]
}

async function readSpec(blobs: BlobCache, release: Release): Promise<ModelSpec> {
  try {
    return modelSpec.parse(JSON.parse(await readFile(blobs.path(release.digest), 'utf8')))
  } catch (cause) {
    const name = `${release.model}:${release.version}`
    const message = `the spec of ${name} is malformed: ${messageOf(cause)}`
    throw new Failure('node/model-load-failed', message, { cause })
  }
}

async function readGolden(path: string): Promise<Golden> {
  try {
    return goldenSchema.parse(JSON.parse(await readFile(path, 'utf8')))
  } catch (cause) {
    throw new Failure('node/model-load-failed', `the golden file: ${messageOf(cause)}`, { cause })
  }
}

function variantOf(spec: ModelSpec, fit: VariantFit): Variant {
  const picked = pickVariant(spec.variants, fit)
  if (picked.ok) return picked.variant
  throw new Failure('node/no-variant-fits', picked.reason)
}

function wishesOf(spec: ModelSpec, variant: Variant) {
  const signature = spec.signature === undefined ? [] : [spec.signature]
  return [...signature, ...variant.files]
}

function specOf(release: Release) {
  return { digest: release.digest, sizeBytes: release.specBytes }
}
