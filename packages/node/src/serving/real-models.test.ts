// Models that others made, where they are at hand (TUTTI_CONFORMANCE_DATA): both runtimes must load them
// and agree, and what the publishers promise must come out.

import { existsSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import type { Variant } from '@tutti/core/fleet'
import { describe, expect, onTestFinished, test } from 'vitest'
import { ModelServer } from './model-server.ts'
import type { ServedModel } from './served-model.ts'
import { Telemetry } from './telemetry.ts'
import type { Tensor } from './tensor.ts'
import { tinyVariant } from './tiny-onnx.ts'

const root = new URL('../../../../', import.meta.url).pathname
const folder = join(process.env['TUTTI_CONFORMANCE_DATA'] ?? join(root, '../shared/data'), 'models')
const isHere = existsSync(folder)
if (!isHere) process.stderr.write(`real models skipped: no ${folder} (TUTTI_CONFORMANCE_DATA)\n`)

describe.runIf(isHere).each(['native', 'wasm'] as const)('%s', (runtime) => {
  const numbers = Array.from({ length: 16 }, (_, i) => i)
  const ones = Array(16).fill(1)

  test('triton simple: sums and differences of two INT32 inputs', async () => {
    const model = await load('triton-simple/simple.onnx')
    const inputs = [numbers, ones].map((data, i) => int32(`INPUT${i}`, [1, 16], data))
    expect(await ask(model, inputs)).toEqual([
      int32(
        'OUTPUT0',
        [1, 16],
        numbers.map((n) => n + 1),
      ),
      int32(
        'OUTPUT1',
        [1, 16],
        numbers.map((n) => n - 1),
      ),
    ])
  })

  test('triton simple_string: the same over BYTES, and an error for what is no number', async () => {
    const model = await load('triton-simple/simple_string.onnx')
    const text = (name: string, data: readonly unknown[]): Tensor => ({
      ...{ name, datatype: 'BYTES', shape: [1, 16], data: data.map(String) },
    })
    const [sum] = await ask(model, [text('INPUT0', numbers), text('INPUT1', ones)])
    expect(sum).toEqual(
      text(
        'OUTPUT0',
        numbers.map((n) => n + 1),
      ),
    )
    const bad = ask(model, [text('INPUT0', Array(16).fill('x')), text('INPUT1', ones)])
    await expect(bad).rejects.toMatchObject({ code: 'node/run-failed' })
  })

  test('iris: a random forest whose other output is a map', async () => {
    const model = await load('iris-rf/sklearn_randomforest.onnx')
    expect(model.signature.outputs).toEqual([
      { name: 'output_label', datatype: 'INT64', shape: [-1] },
    ])
    const data = new Float32Array([5.1, 3.5, 1.4, 0.2, 6.7, 3.0, 5.2, 2.3])
    const flowers: Tensor = { name: 'X', datatype: 'FP32', shape: [2, 4], data }
    expect(await ask(model, [flowers])).toMatchObject([{ data: new BigInt64Array([0n, 2n]) }])
  })

  test('mnist: a blank page gives ten scores', async () => {
    const model = await load('mnist/opt-mnist.onnx')
    const data = new Float32Array(784)
    const [scores] = await ask(model, [
      { name: 'Input3', datatype: 'FP32', shape: [1, 1, 28, 28], data },
    ])
    expect(scores?.shape).toEqual([1, 10])
    expect(model.batchMax).toBe(1) // its dimension 0 is closed, whatever the variant says
  })

  test('mlperf tiny: the anomaly scores that the publisher lists', async () => {
    const path = 'mlperf-tiny-ad/ad01.onnx'
    const model = await load(path)
    const bytes = readFileSync(
      join(folder, dirname(path), 'normal_id_01_00000000_hist_librosa.bin'),
    )
    const data = new Float32Array(new Uint8Array(bytes).buffer)
    const windows = data.length / 640
    const [scores] = await ask(model, [
      { name: 'input', datatype: 'FP32', shape: [windows, 640], data },
    ])
    const values = [...(scores?.data ?? [])].map(Number)
    const mean = values.reduce((sum, value) => sum + value, 0) / windows
    // To one decimal: the list and the spectra were made by different versions of librosa.
    expect(mean).toBeCloseTo(publishedScore('normal_id_01_00000000.wav'), 1)
  })

  async function load(path: string): Promise<ServedModel> {
    const server = new ModelServer({ telemetry: new Telemetry(), threads: 1, runtime })
    onTestFinished(() => server.stop())
    const variant: Variant = tinyVariant(1_024)
    const entryPath = join(folder, path)
    return await server.stage({ model: 'm', version: 'v1', release: 'r', variant, entryPath })
  }
})

function publishedScore(file: string): number {
  const csv = readFileSync(join(folder, 'mlperf-tiny-ad/anomaly_score_ToyCar_id_01.csv'), 'utf8')
  const line = csv.split('\n').find((candidate) => candidate.startsWith(file))
  return Number(line?.split(',')[1])
}

function ask(model: ServedModel, inputs: readonly Tensor[]): Promise<readonly Tensor[]> {
  return model.infer(
    inputs,
    model.signature.outputs.map(({ name }) => name),
    null,
  )
}

function int32(name: string, shape: readonly number[], data: readonly number[]): Tensor {
  return { name, datatype: 'INT32', shape, data: new Int32Array(data) }
}
