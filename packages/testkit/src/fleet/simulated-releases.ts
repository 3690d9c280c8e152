// Simulated releases
//
// The model versions of a simulated world, and what is wrong with each.

import { type ModelSpec, modelSpec } from '@tutti/core/fleet'
import { canonicalJson } from '@tutti/core/resource'
import { sha256 } from './simulated-store.ts'

/**
 * What a version does: `unsound` fails its probe on some machines, `erring` fails requests, `dying`
 * ends its worker, and `fatal` the whole process that loads it.
 */
export const qualities = [
  'good',
  'refused',
  'unsound',
  'unloadable',
  'dying',
  'erring',
  'fatal',
] as const
export type Quality = (typeof qualities)[number]

export interface SimulatedRelease {
  readonly name: string
  readonly spec: ModelSpec
  readonly digest: string
  readonly quality: Quality
}

const file = { digest: `sha256:${'0'.repeat(64)}`, sizeBytes: 1 }

/** Two good versions for every bad one: most histories are about getting somewhere. */
export const releases: readonly SimulatedRelease[] = qualities
  .flatMap((quality) => [quality, 'good' as const, 'good' as const])
  .map((quality, i) => releaseOf(`v${i}`, quality))

export const releaseByDigest = new Map(releases.map((one) => [one.digest, one]))

function releaseOf(version: string, quality: Quality): SimulatedRelease {
  const golden = { path: 'golden.json', ...file }
  const spec = modelSpec.parse({
    ...{ model: 'parts', version, task: 'test', signature: file },
    variants: [
      {
        ...{ name: 'fp32', format: 'onnx', precision: 'fp32', golden: golden.path },
        ...{ files: [{ path: 'model.onnx', ...file }, golden], inputs: [], outputs: [] },
      },
    ],
  })
  const digest = sha256(canonicalJson(spec))
  return { name: `parts:${version}`, spec, digest, quality }
}
