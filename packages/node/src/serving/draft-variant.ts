// Draft variant
//
// What a publisher would have to find out by hand about an ONNX file: its inputs and outputs, whether it
// batches, and golden cases. Each case is run twice and kept only where the model says the same both times.

import { basename, dirname, relative } from 'node:path'
import {
  type Datatype,
  decideProbe,
  elementCount,
  type Golden,
  golden,
  type JsonTensor,
  type TensorSignature,
} from '@tutti/core/fleet'
import { hash32 } from '@tutti/core/resource'
import { messageOf } from '../failure.ts'
import { parseJsonData, toJsonTensor } from './json-tensor.ts'
import { ModelWorker } from './model-worker.ts'
import { isBatchable, type ModelSignature } from './signature.ts'

export interface VariantDraft extends ModelSignature {
  readonly batchMax: number
  /** Inputs with the outputs seen here, or why there are none. */
  readonly golden:
    | { readonly ok: true; readonly file: Golden }
    | { readonly ok: false; readonly reason: string }
}

const batchMaxDraft = 32 // as far as latency is usually worth it on a CPU; publishers may raise it
const casesMax = 8
const elementsMax = 200_000 // in all cases together: some MB of JSON
const openDimension = 4 // tried for dimensions that take any size, besides the first
const loadMsMax = 120_000
const runMsMax = 60_000

/** Loads the model in a worker thread; throws `node/model-load-failed` where it does not load. */
export async function draftVariant(of: {
  readonly entryPath: string
  /** Files that the entry refers to. */
  readonly weightPaths: readonly string[]
}): Promise<VariantDraft> {
  const folder = dirname(of.entryPath)
  const worker = await ModelWorker.load({
    entryPath: of.entryPath,
    weightPaths: of.weightPaths.map((path) => relative(folder, path)),
    ...{ threads: 1, runtime: 'auto', loadMsMax, runMsMax },
  })
  try {
    const { signature } = worker
    const batchMax = isBatchable(signature) ? batchMaxDraft : 1
    return { ...signature, batchMax, golden: await draftGolden(worker, basename(of.entryPath)) }
  } finally {
    await worker.end()
  }
}

async function draftGolden(worker: ModelWorker, seed: string): Promise<VariantDraft['golden']> {
  const { inputs } = worker.signature
  const cases: Golden['cases'] = []
  const elements = inputs.reduce((sum, input) => sum + elementCount(drawnShape(input)), 0)
  const count = Math.max(1, Math.min(casesMax, Math.floor(elementsMax / Math.max(1, elements))))
  try {
    for (let i = 0; i < count; i++) {
      const drawn = inputs.map((input) => drawTensor(input, `${seed}/${i}`))
      const outputs = await run(worker, drawn)
      cases.push({ inputs: drawn, outputs })
    }
    const file = golden.parse({ comparison: { kind: 'close' }, cases })
    const again: JsonTensor[][] = []
    for (const { inputs: drawn } of cases) again.push(await run(worker, drawn))
    const verdict = decideProbe(file, again)
    if (verdict.ok) return { ok: true, file }
    return { ok: false, reason: `it does not answer twice alike: ${verdict.reason}` }
  } catch (error) {
    return { ok: false, reason: `it does not take inputs drawn at random: ${messageOf(error)}` }
  }
}

async function run(worker: ModelWorker, inputs: readonly JsonTensor[]): Promise<JsonTensor[]> {
  const names = worker.signature.outputs.map(({ name }) => name)
  const tensors = inputs.map(({ data, ...head }) => parseJsonData(data, head))
  const answer = await worker.run(tensors, names)
  return answer.outputs.map(toJsonTensor)
}

/** The same for the same seed. Fractions that every float type holds exactly; else 0 and 1. */
function drawTensor(signature: TensorSignature, seed: string): JsonTensor {
  const { name, datatype } = signature
  const drawn = drawnShape(signature)
  const data = Array.from({ length: elementCount(drawn) }, (_, i) =>
    drawElement(datatype, hash32(`${seed}/${name}/${i}`)),
  )
  return { name, datatype, shape: drawn, data }
}

function drawnShape({ shape }: TensorSignature): number[] {
  return shape.map((size, i) => (size >= 0 ? size : i === 0 ? 1 : openDimension))
}

function drawElement(datatype: Datatype, chance: number): number | string | boolean {
  switch (datatype) {
    case 'FP16':
    case 'FP32':
    case 'FP64':
      return (chance % 1_024) / 1_024
    case 'BOOL':
      return chance % 2 === 1
    case 'BYTES':
      return String(chance % 2)
    default:
      return chance % 2 // a valid index into most tables, and a mask
  }
}
