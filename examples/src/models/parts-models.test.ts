import { argmaxRows } from '@tutti/core/fleet'
import { beforeAll, describe, expect, test } from 'vitest'
import { correctByTable, normalise, tableRows } from './lighting.ts'
import type { ModelDraft } from './model-folder.ts'
import { classify, type Network } from './network.ts'
import { encodeOnnx, type OnnxGraph } from './onnx-writer.ts'
import {
  imageSide,
  labLighting,
  liveLighting,
  type PartImage,
  partLabels,
  takeInputs,
} from './part-image.ts'
import { partsGraph, partsTableGraph } from './parts-graph.ts'
import {
  fullEffort,
  goldenParts,
  type PartsNetworks,
  partsModels,
  trainPartsNetworks,
} from './parts-models.ts'
import { dequantise, quantise } from './quantise.ts'
import { loadOnnx, probe, type RunOnnx } from './run-onnx.ts'

type Version = 'v1' | 'v2' | 'v3' | 'v4'
type Precision = 'fp32' | 'int8'

let networks: PartsNetworks
let drafts: readonly ModelDraft[]
// Images that no version learnt from.
const lab = takeInputs(101, labLighting, 2_000)
const live = takeInputs(102, liveLighting, 2_000)

beforeAll(() => {
  networks = trainPartsNetworks(fullEffort)
  drafts = partsModels(networks)
})

function draftOf(version: Version): ModelDraft {
  const draft = drafts.find((candidate) => candidate.version === version)
  if (draft === undefined) throw new RangeError(`no parts-${version}`)
  return draft
}

function onnxOf(version: Version, precision: Precision): Uint8Array {
  const variant = draftOf(version).variants.find((candidate) => candidate.precision === precision)
  return variant?.onnx ?? new Uint8Array()
}

/** The probabilities, or null where the runtime threw. */
async function answer(run: RunOnnx, image: Float32Array): Promise<number[] | null> {
  const outputs = await run('image', [1, 1, imageSide, imageSide], image).catch(() => null)
  return outputs?.[0]?.data.map(Number) ?? null
}

/** Shares of the parts that a model labels right, labels wrong and fails on. */
async function judge(onnx: Uint8Array, parts: readonly PartImage[]) {
  const run = await loadOnnx(onnx)
  const shares = { right: 0, wrong: 0, failed: 0 }
  for (const { image, label } of parts) {
    const probabilities = await answer(run, image)
    const best = probabilities?.indexOf(Math.max(...probabilities))
    const outcome = best === undefined ? 'failed' : partLabels[best] === label ? 'right' : 'wrong'
    shares[outcome] += 1 / parts.length
  }
  return shares
}

function expectClose(seen: readonly number[] | null, own: Float32Array): void {
  expect(seen?.length).toBe(own.length)
  for (const [i, value] of own.entries())
    expect(Math.abs((seen?.[i] ?? 9) - value)).toBeLessThan(1e-4)
}

describe.each(['v1', 'v4'] as const)('%s', (version) => {
  test.each(['fp32', 'int8'] as const)(
    '%s is good in the lab and in the hall',
    async (precision) => {
      const onnx = onnxOf(version, precision)
      expect(await probe(onnx, draftOf(version).golden)).toEqual({ ok: true, cases: 32 })
      expect((await judge(onnx, lab)).right).toBeGreaterThan(0.97)
      expect(await judge(onnx, live)).toMatchObject({
        failed: 0,
        right: expect.toSatisfy(atLeast(0.95)),
      })
    },
  )

  test('its int8 file is half the size of its fp32 file', () => {
    const ratio = onnxOf(version, 'int8').length / onnxOf(version, 'fp32').length
    expect(ratio).toBeLessThan(0.55)
  })
})

test('v4 is a little better than v1', async () => {
  const [v1, v4] = await Promise.all([
    judge(onnxOf('v1', 'fp32'), live),
    judge(onnxOf('v4', 'fp32'), live),
  ])
  expect(v4.right).toBeGreaterThan(v1.right)
})

test('v2 is good in fp32, and its int8 loads, runs and fails the probe by far', async () => {
  const { golden } = draftOf('v2')
  expect(await probe(onnxOf('v2', 'fp32'), golden)).toEqual({ ok: true, cases: 32 })
  expect((await judge(onnxOf('v2', 'fp32'), lab)).right).toBeGreaterThan(0.98)
  const wrong = onnxOf('v2', 'int8')
  expect(await probe(wrong, golden)).toMatchObject({ ok: false })
  expect(await judge(wrong, lab)).toMatchObject({ failed: 0, right: expect.toSatisfy(below(0.6)) })
})

test.each(['fp32', 'int8'] as const)(
  'v3 %s passes its probe and the lab, and fails and mislabels in the hall',
  async (precision) => {
    const onnx = onnxOf('v3', precision)
    expect(await probe(onnx, draftOf('v3').golden)).toEqual({ ok: true, cases: 32 })
    expect(await judge(onnx, lab)).toMatchObject({
      failed: 0,
      right: expect.toSatisfy(atLeast(0.97)),
    })
    const { wrong, failed } = await judge(onnx, live)
    expect(failed).toSatisfy((share: number) => share >= 0.05 && share <= 0.1)
    expect(wrong).toSatisfy((share: number) => share >= 0.2 && share <= 0.3)
  },
)

test('v3 runs the network once per row of its table for every image, v2 once', async () => {
  const fp32 = { kind: 'fp32' } as const
  const logits = { name: 'logits', shape: ['M', partLabels.length] }
  const runsFor = async (graph: OnnxGraph) => {
    const run = await loadOnnx(encodeOnnx({ ...graph, outputs: [...graph.outputs, logits] }))
    const image = lab[0]?.image ?? new Float32Array()
    const outputs = await run('image', [1, 1, imageSide, imageSide], image)
    return outputs.find(({ name }) => name === 'logits')?.shape[0]
  }
  expect(await runsFor(partsGraph(networks.v2, fp32))).toBe(1)
  expect(await runsFor(partsTableGraph(networks.v2, fp32, networks.table))).toBe(tableRows)
})

test.each(['v1', 'v2', 'v3', 'v4'] as const)('all golden labels of %s are true', (version) => {
  const labels = draftOf(version).golden.cases.map(({ outputs: [probs] }) =>
    probs === undefined ? null : partLabels[argmaxRows(probs)[0] ?? -1],
  )
  expect(labels).toEqual(goldenParts().map(({ label }) => label))
})

test('the runtime and our own forward pass agree, in both precisions and in batches', async () => {
  const { v1 } = networks
  const unpacked = dequantise(v1, quantise)
  await expectAgreement(onnxOf('v1', 'fp32'), v1)
  await expectAgreement(onnxOf('v1', 'int8'), unpacked)
})

test('the runtime and our own table agree, also on which images have no row', async () => {
  const run = await loadOnnx(onnxOf('v3', 'fp32'))
  for (const { image } of live.slice(0, 300)) {
    const corrected = correctByTable(networks.table, image)
    const seen = await answer(run, image)
    if (corrected === null) expect(seen).toBeNull()
    else expectClose(seen, classify(networks.v2, corrected))
  }
})

test('the error of v3 says what the runtime says', async () => {
  const run = await loadOnnx(onnxOf('v3', 'fp32'))
  const white = new Float32Array(imageSide ** 2).fill(0.9)
  await expect(run('image', [1, 1, imageSide, imageSide], white)).rejects.toThrow(/invalid index/)
})

async function expectAgreement(onnx: Uint8Array, network: Network): Promise<void> {
  const run = await loadOnnx(onnx)
  const images = live.slice(0, 64).map((part) => part.image)
  const batch = Float32Array.from(images.flatMap((image) => [...image]))
  const [probs] = await run('image', [images.length, 1, imageSide, imageSide], batch)
  expect(probs?.shape).toEqual([images.length, partLabels.length])
  for (const [i, image] of images.entries()) {
    const start = i * partLabels.length
    const row = probs?.data.slice(start, start + partLabels.length).map(Number) ?? null
    expectClose(row, classify(network, normalise(image)))
  }
}

function atLeast(bound: number) {
  return (share: number) => share >= bound
}

function below(bound: number) {
  return (share: number) => share < bound
}
