// Model store
//
// From a release's digest to a verified model on disk: its spec, the variant that fits this node, its
// files, the publisher's signature. Everything is checked again here, whoever said it was checked before.

import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
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
import type { BlobCache, Kept } from './blob-cache.ts'
import type { BlobSource, BlobWish } from './blob-wish.ts'
import { layOutFiles } from './lay-out-files.ts'

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
  /** Name of the variant that was fetched for this machine; null where none has been yet. */
  readonly variant: string | null
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
      /** What this machine can give, asked at the moment of the choice. */
      readonly fit: () => VariantFit
      readonly onVariant: (variant: Variant) => void
      readonly watch: FetchWatch
    },
  ) => Promise<void>
  /** Checks every digest and the publisher's signature. */
  readonly verify: (release: Release, trust: VerifyTrust) => Promise<PreparedModel>
  /**
   * The releases given are needed here, at any moment of its work; files of others go when the disk
   * budget wants them to.
   */
  readonly collect: (releases: () => readonly Release[]) => Promise<void>
}

/** The store over a cache of files. */
export function openModelStore(blobs: BlobCache): ModelStore {
  // Files by release, of those that are needed: `fetch` and `collect` add, `collect` removes.
  const needed = new Map<string, readonly string[]>()
  const kept: Kept = {
    has: (digest) =>
      [...needed].some(([release, all]) => release === digest || all.includes(digest)),
  }
  return {
    fetch: (release, at) =>
      fetchModel(blobs, release, {
        ...at,
        makeRoom: async (wishes) => {
          needed.set(release.digest, [release.digest, ...wishes.map(({ digest }) => digest)])
          await blobs.makeRoom(await blobs.missingBytes(wishes), kept)
        },
      }),
    verify: (release, trust) => verifyModel(blobs, release, trust),
    collect: async (releases) => {
      for (const release of releases()) {
        const digests = await digestsOf(blobs, release)
        if (!needed.has(release.digest)) needed.set(release.digest, digests)
      }
      const wanted = (digest: string) => releases().some((release) => release.digest === digest)
      for (const digest of needed.keys()) if (!wanted(digest)) needed.delete(digest)
      await blobs.collect({ has: (digest) => kept.has(digest) || wanted(digest) })
    },
  }
}

/** Fetches all files of a release that this node needs. */
async function fetchModel(
  blobs: BlobCache,
  release: Release,
  at: Parameters<ModelStore['fetch']>[1] & {
    readonly makeRoom: (wishes: readonly BlobWish[]) => Promise<void>
  },
): Promise<void> {
  const { signal, onProgress } = at.watch
  const specWish = specOf(release)
  await blobs.fetch(specWish, at.source, { signal, onBytes: () => {} })
  const spec = await readSpec(blobs, release)
  const variant = variantOf(spec, at.fit())
  at.onVariant(variant)
  const wishes = wishesOf(spec, variant)
  await at.makeRoom(wishes)
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
  await verifyBlob(blobs, specOf(release), `the spec of ${release.model}:${release.version}`)
  const spec = await readSpec(blobs, release)
  const fetched = spec.variants.find(({ name }) => name === trust.variant)
  const variant = fetched ?? variantOf(spec, trust.fit)
  await blobs.touch([release.digest, ...variant.files.map(({ digest }) => digest)])
  for (const wish of wishesOf(spec, variant)) {
    await verifyBlob(blobs, wish, `a file of ${release.model}`)
  }
  await verifyPublisher(blobs, spec, trust)
  return await prepare(blobs, release, { spec, variant })
}

/**
 * What was right when it came and is not any more rotted on this machine's disk: that is no fault
 * of the model's, and it is fetched again.
 */
async function verifyBlob(blobs: BlobCache, wish: BlobWish, what: string): Promise<void> {
  if (await blobs.verify(wish)) return
  await blobs.forget(wish.digest)
  const message = `${what} is missing or rotted on this disk (${wish.digest}): it is fetched again`
  throw new Failure('node/fetch-failed', message)
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

async function prepare(
  blobs: BlobCache,
  release: Release,
  { spec, variant }: { readonly spec: ModelSpec; readonly variant: Variant },
): Promise<PreparedModel> {
  const folder = `${blobs.path(release.digest)}.files`
  await layOutFiles(
    folder,
    variant.files.map(({ path, digest }) => ({ path, at: blobs.path(digest) })),
  )
  const first = variant.files[0]
  const goldenFile = variant.files.find(({ path }) => path === variant.golden)
  return {
    spec,
    variant,
    golden: goldenFile === undefined ? null : await readGolden(blobs.path(goldenFile.digest)),
    entryPath: join(folder, first?.path ?? ''),
  }
}

/** Digests of all that a release may need on this node, whichever of its variants is here. */
async function digestsOf(blobs: BlobCache, release: Release): Promise<readonly string[]> {
  const spec = await readSpec(blobs, release).catch(() => null) // not fetched yet, or broken
  if (spec === null) return [release.digest]
  const wishes = spec.variants.flatMap((variant) => wishesOf(spec, variant))
  return [release.digest, ...wishes.map(({ digest }) => digest)]
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
