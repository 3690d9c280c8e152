// Model folder
//
// Writes a model as a publisher hands it over: `model.json` (the Model's spec), `golden.json`, and
// one folder per variant with its ONNX file, every file named in the spec with its digest and
// size.

import { createHash } from 'node:crypto'
import { mkdir, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import {
  type Golden,
  golden,
  type ModelFile,
  type ModelSpec,
  modelSpec,
  type Prediction,
  type TensorSignature,
} from '@tutti/core/fleet'

/** A model in memory: all of its files and what its spec says. */
export interface ModelDraft {
  readonly model: string
  readonly version: string
  readonly task: string
  readonly prediction: Prediction
  readonly input: TensorSignature
  readonly outputs: readonly TensorSignature[]
  readonly batchMax: number
  readonly golden: Golden
  /** The best first; a variant is named after its precision. */
  readonly variants: readonly VariantDraft[]
}

export interface VariantDraft {
  readonly precision: 'fp32' | 'int8'
  /** What a node must be able to give: the runtime's own memory counts far more than the file. */
  readonly memoryBytes: number
  readonly onnx: Uint8Array
}

/** A model as written: its folder and its parsed spec. */
export interface MadeModel {
  readonly folder: string
  readonly spec: ModelSpec
}

/** Writes `parent/<model>-<version>`. */
export async function writeModelFolder(parent: string, draft: ModelDraft): Promise<MadeModel> {
  const folder = join(parent, `${draft.model}-${draft.version}`)
  const goldenText = JSON.stringify(golden.parse(draft.golden))
  const goldenBytes = new TextEncoder().encode(goldenText)
  const contents = new Map<string, Uint8Array>([[goldenPath, goldenBytes]])
  for (const variant of draft.variants) contents.set(onnxPath(variant), variant.onnx)
  const spec = specOf(draft, fileOf(goldenPath, goldenBytes))
  contents.set('model.json', new TextEncoder().encode(`${JSON.stringify(spec, null, 2)}\n`))
  for (const [path, bytes] of contents) {
    await mkdir(dirname(join(folder, path)), { recursive: true })
    await writeFile(join(folder, path), bytes)
  }
  return { folder, spec }
}

const goldenPath = 'golden.json'

function onnxPath(variant: VariantDraft): string {
  return `${variant.precision}/model.onnx`
}

function specOf(draft: ModelDraft, goldenFile: ModelFile): ModelSpec {
  const { model, version, task, prediction, input, outputs, batchMax } = draft
  return modelSpec.parse({
    model,
    version,
    task,
    prediction,
    variants: draft.variants.map((variant) => ({
      name: variant.precision,
      format: 'onnx',
      precision: variant.precision,
      files: [fileOf(onnxPath(variant), variant.onnx), goldenFile],
      golden: goldenPath,
      inputs: [input],
      outputs: [...outputs],
      batchMax,
      requires: { memoryBytes: variant.memoryBytes },
    })),
  })
}

function fileOf(path: string, bytes: Uint8Array): ModelFile {
  const hex = createHash('sha256').update(bytes).digest('hex')
  return { path, digest: `sha256:${hex}`, sizeBytes: bytes.length }
}
