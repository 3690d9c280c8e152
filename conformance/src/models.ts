// Conformance: public models
//
// Real models of other projects give their published answers through the gateway: mnist (wonnx), a random
// forest (sklearn; KServe's sample rows), MLPerf Tiny anomaly detection, Triton's simple models.

import { mkdirSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { TensorSignature } from '@tutti/core/fleet'
import jpeg from 'jpeg-js'
import { deploy, infer, type LocalFleet, startLocalFleet } from './local-fleet.ts'
import { type PublicVariant, tensor, writeModelFolder } from './model-folder.ts'
import { type Score, Scoring } from './score.ts'

export async function models(data: string): Promise<Score> {
  const fleet = await startLocalFleet([{ name: 'n1' }])
  const scoring = new Scoring()
  try {
    await judgeMnist(fleet, join(data, 'models/mnist'), scoring)
    await judgeIris(fleet, join(data, 'models/iris-rf'), scoring)
    await judgeAnomaly(fleet, join(data, 'models/mlperf-tiny-ad'), scoring)
    await judgeTriton(fleet, join(data, 'models/triton-simple'), scoring)
    return scoring.score
  } finally {
    await fleet.stop()
  }
}

async function push(fleet: LocalFleet, model: string, variant: PublicVariant): Promise<void> {
  const folder = join(fleet.folder, model)
  mkdirSync(folder)
  writeModelFolder(folder, { model, version: 'v1' }, [variant])
  await fleet.tutti('model', 'push', folder)
  await deploy(fleet, model, `${model}:v1`)
}

/** Images named by their digit, white on black; the model takes brightness from 0 to 1. */
async function judgeMnist(fleet: LocalFleet, folder: string, scoring: Scoring): Promise<void> {
  await push(fleet, 'mnist', {
    name: 'fp32',
    file: join(folder, 'opt-mnist.onnx'),
    inputs: [tensor('Input3', 'FP32', 1, 1, 28, 28)],
    outputs: [tensor('Plus214_Output_0', 'FP32', 1, 10)],
  })
  for (const name of readdirSync(folder).filter((one) => one.endsWith('.jpg'))) {
    const { data, width, height } = jpeg.decode(readFileSync(join(folder, name)), {
      useTArray: true,
    })
    const pixels = Array.from({ length: width * height }, (_, i) => (data[i * 4] ?? 0) / 255)
    const input = { name: 'Input3', datatype: 'FP32', shape: [1, 1, 28, 28], data: pixels }
    const { outputs } = await infer(fleet, 'mnist', { inputs: [input] })
    const scores = (outputs[0]?.data ?? []).map(Number)
    const digit = scores.indexOf(Math.max(...scores))
    scoring.check(`${digit}.jpg` === name, `mnist: ${name} was read as ${digit}`)
  }
}

/** Rows and answers of KServe's sklearn iris sample. */
async function judgeIris(fleet: LocalFleet, folder: string, scoring: Scoring): Promise<void> {
  await push(fleet, 'iris', {
    name: 'fp32',
    file: join(folder, 'sklearn_randomforest.onnx'),
    inputs: [tensor('X', 'FP32', -1, 4)],
    outputs: [tensor('output_label', 'INT64', -1)],
    batchMax: 64,
  })
  const rows = [6.8, 2.8, 4.8, 1.4, 6.0, 3.4, 4.5, 1.6]
  const input = { name: 'X', datatype: 'FP32', shape: [2, 4], data: rows }
  const { outputs } = await infer(fleet, 'iris', { inputs: [input] })
  const labels = outputs.find(({ name }) => name === 'output_label')?.data ?? []
  scoring.check(JSON.stringify(labels) === '[1,1]', `iris: got ${JSON.stringify(labels)}`)
}

/** The published mean score of the sample is 9.491290 (mlcommons/tiny). */
async function judgeAnomaly(fleet: LocalFleet, folder: string, scoring: Scoring): Promise<void> {
  await push(fleet, 'anomaly', {
    name: 'fp32',
    file: join(folder, 'ad01.onnx'),
    inputs: [tensor('input', 'FP32', -1, 640)],
    outputs: [tensor('score', 'FP32', -1)],
    batchMax: 256,
  })
  const raw = readFileSync(join(folder, 'normal_id_01_00000000_hist_librosa.bin'))
  const bins = new Float32Array(raw.buffer.slice(raw.byteOffset, raw.byteOffset + raw.length))
  const windows = 196 // 200 frames of 128 bins, five at a time
  const rows = Array.from({ length: windows }, (_, i) => [...bins.subarray(i * 128, i * 128 + 640)])
  const input = { name: 'input', datatype: 'FP32', shape: [windows, 640], data: rows.flat() }
  const { outputs } = await infer(fleet, 'anomaly', { inputs: [input] })
  const scores = (outputs.find(({ name }) => name === 'score')?.data ?? []).map(Number)
  const mean = scores.reduce((sum, score) => sum + score, 0) / scores.length
  scoring.check(Math.abs(mean - 9.49129) < 1e-4, `anomaly: got ${mean}, published 9.491290`)
}

/** OUTPUT0 is the sum and OUTPUT1 the difference of two rows, as the configs declare them. */
async function judgeTriton(fleet: LocalFleet, folder: string, scoring: Scoring): Promise<void> {
  for (const file of ['simple', 'simple_int8', 'simple_string']) {
    const model = file.replace('_', '-')
    const config = readTritonConfig(join(folder, `${file}.config.pbtxt`))
    await push(fleet, model, {
      name: 'fp32',
      file: join(folder, `${file}.onnx`),
      ...config,
    })
    const a = Array.from({ length: 16 }, (_, i) => i)
    const ones = a.map(() => 1)
    const say = (values: number[], { datatype }: TensorSignature) =>
      datatype === 'BYTES' ? values.map(String) : values
    const data = [a, ones]
    const inputs = config.inputs.map((input, i) => ({
      ...input,
      shape: [1, 16],
      data: say(data[i] ?? [], input),
    }))
    const { outputs } = await infer(fleet, model, { inputs })
    const wanted = [a.map((x) => x + 1), a.map((x) => x - 1)]
    for (const [i, output] of config.outputs.entries()) {
      const got = JSON.stringify(outputs.find(({ name }) => name === output.name)?.data)
      const isRight = got === JSON.stringify(say(wanted[i] ?? [], output))
      scoring.check(isRight, `${model} ${output.name}: got ${got}`)
    }
  }
}

/** Triton's names of datatypes, as far as these models have them. */
const tritonTypes = { TYPE_INT32: 'INT32', TYPE_INT8: 'INT8', TYPE_STRING: 'BYTES' } as const

interface TritonConfig {
  readonly inputs: readonly TensorSignature[]
  readonly outputs: readonly TensorSignature[]
  readonly batchMax: number
}

/** The tensors of a config.pbtxt; its dimensions are those of one item of a batch. */
function readTritonConfig(path: string): TritonConfig {
  const text = readFileSync(path, 'utf8')
  const tensor = /name: "(\w+)"\s+data_type: (\w+)\s+dims: \[ (\d+) \]/g
  const tensorsOf = (section: string) =>
    [...(text.split(`${section} [`)[1]?.split('\n]')[0] ?? '').matchAll(tensor)].map(
      ([, name = '', type = '', length]) => {
        const known = Object.entries(tritonTypes).find(([one]) => one === type)
        if (known === undefined) throw new Error(`${path}: ${type} is not known here`)
        return { name, datatype: known[1], shape: [-1, Number(length)] }
      },
    )
  const [inputs, outputs] = [tensorsOf('input'), tensorsOf('output')]
  if (inputs.length !== 2 || outputs.length !== 2) throw new Error(`${path} cannot be read here`)
  const batchMax = Number(/max_batch_size: (\d+)/.exec(text)?.[1] ?? 1)
  return { inputs, outputs, batchMax }
}
