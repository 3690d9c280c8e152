// Model folder
//
// Puts a public model file into the form that `tutti model push` takes.

import { createHash } from 'node:crypto'
import { copyFileSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import type { Golden, Prediction, TensorSignature } from '@tutti/core/fleet'

export interface PublicVariant {
  readonly name: string
  readonly file: string
  readonly inputs: readonly TensorSignature[]
  readonly outputs: readonly TensorSignature[]
  readonly golden?: Golden
  readonly memoryMiB?: number
  readonly batchMax?: number
}

export function tensor(
  name: string,
  datatype: TensorSignature['datatype'],
  ...shape: number[]
): TensorSignature {
  return { name, datatype, shape }
}

/** Writes the folder and returns its path. */
export function writeModelFolder(
  folder: string,
  name: { readonly model: string; readonly version: string; readonly prediction?: Prediction },
  variants: readonly PublicVariant[],
): string {
  const spec = {
    ...name,
    task: 'conformance',
    variants: variants.map((variant) => variantOf(folder, variant)),
  }
  writeFileSync(join(folder, 'model.json'), JSON.stringify(spec))
  return folder
}

function variantOf(folder: string, variant: PublicVariant) {
  const path = `${variant.name}/model.onnx`
  mkdirSync(join(folder, variant.name), { recursive: true })
  copyFileSync(variant.file, join(folder, path))
  const goldenPath = `${variant.name}/golden.json`
  if (variant.golden) writeFileSync(join(folder, goldenPath), JSON.stringify(variant.golden))
  const files = [path, ...(variant.golden ? [goldenPath] : [])].map((one) => fileOf(folder, one))
  return {
    name: variant.name,
    format: 'onnx',
    precision: 'fp32',
    files,
    ...(variant.golden ? { golden: goldenPath } : {}),
    inputs: variant.inputs,
    outputs: variant.outputs,
    batchMax: variant.batchMax ?? 1,
    requires: { memoryBytes: (variant.memoryMiB ?? 0) * 2 ** 20 },
  }
}

function fileOf(folder: string, path: string) {
  const full = join(folder, path)
  mkdirSync(dirname(full), { recursive: true })
  const digest = `sha256:${createHash('sha256').update(readFileSync(full)).digest('hex')}`
  return { path, digest, sizeBytes: statSync(full).size }
}
