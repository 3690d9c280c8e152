import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { decideProbe } from '@tutti/core/fleet'
import { afterAll, expect, test } from 'vitest'
import { draftVariant } from './draft-variant.ts'
import { addingModel, floats, identityModel, lookupModel, tinyOnnx } from './tiny-onnx.ts'

const folder = mkdtempSync(join(tmpdir(), 'tutti-draft-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

async function draft(onnx: Uint8Array, weights: readonly string[] = []) {
  const entryPath = join(folder, 'model.onnx')
  writeFileSync(entryPath, onnx)
  return await draftVariant({ entryPath, weightPaths: weights.map((name) => join(folder, name)) })
}

test('inputs, outputs, batching and golden cases come from the file itself', async () => {
  const drafted = await draft(addingModel(2))
  expect(drafted.inputs.map(({ datatype }) => datatype)).toEqual(['FP32'])
  expect(drafted.batchMax).toBe(32)
  if (!drafted.golden.ok) throw new Error(drafted.golden.reason)
  const { file } = drafted.golden
  expect(file.cases).toHaveLength(8)
  for (const { inputs, outputs } of file.cases) {
    const given = inputs[0]?.data.map(Number) ?? []
    expect(outputs[0]?.data).toEqual(given.map((value) => value + 2))
  }
  const seen = file.cases.map(({ outputs }) => outputs)
  expect(decideProbe(file, seen).ok).toBe(true)
  const wrong = seen.map((outputs) =>
    outputs.map((one) => ({ ...one, data: one.data.map(() => 9) })),
  )
  expect(decideProbe(file, wrong).ok).toBe(false)
})

test('every datatype can be drawn, and a fixed first dimension does not batch', async () => {
  for (const datatype of ['BOOL', 'INT64', 'UINT8', 'FP16', 'FP64', 'BYTES'] as const) {
    const { golden, batchMax } = await draft(identityModel(datatype, [2, -1]))
    expect([datatype, golden.ok, batchMax]).toEqual([datatype, true, 1])
  }
})

test('a model that does not take what is drawn, or not twice alike, gets no golden file', async () => {
  const picky = await draft(lookupModel([5]))
  expect(picky.golden).toMatchObject({ ok: false, reason: expect.stringContaining('at random') })
  const moody = await draft(
    tinyOnnx({
      nodes: [
        { op: 'RandomUniformLike', inputs: ['x'], outputs: ['noise'] },
        { op: 'Add', inputs: ['x', 'noise'], outputs: ['y'] },
      ],
      inputs: [{ name: 'x', datatype: 'FP32', shape: [-1] }],
      outputs: [{ name: 'y', datatype: 'FP32', shape: [-1] }],
    }),
  )
  expect(moody.golden).toMatchObject({ ok: false, reason: expect.stringContaining('twice alike') })
})

test('a file that another one refers to is found, and missed', async () => {
  const model = tinyOnnx({
    nodes: [{ op: 'Add', inputs: ['x', 'amount'], outputs: ['y'] }],
    inputs: [{ name: 'x', datatype: 'FP32', shape: [-1] }],
    outputs: [{ name: 'y', datatype: 'FP32', shape: [-1] }],
    constants: [{ ...floats('amount', [0]), data: 'amount.bin' }],
  })
  await expect(draft(model)).rejects.toThrow('amount.bin')
  writeFileSync(join(folder, 'amount.bin'), Buffer.from(Float32Array.of(1).buffer))
  expect((await draft(model, ['amount.bin'])).golden.ok).toBe(true)
})
