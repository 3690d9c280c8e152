// Conformance: public models
//
// Real models of other projects give their published answers through the gateway: mnist (wonnx), a random
// forest (sklearn; KServe's sample rows), MLPerf Tiny anomaly detection, Triton's simple models.

import { mkdirSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
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

/** Images named by their digit; the model takes pixels from 0 to 255 (white on black). */
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

/** OUTPUT0 is the sum and OUTPUT1 the difference of two rows of sixteen. */
async function judgeTriton(fleet: LocalFleet, folder: string, scoring: Scoring): Promise<void> {
  const kinds = [
    ['simple', 'INT32'],
    ['simple_int8', 'INT8'],
    ['simple_string', 'BYTES'],
  ] as const
  for (const [file, datatype] of kinds) {
    const model = file.replace('_', '-')
    await push(fleet, model, {
      name: 'fp32',
      file: join(folder, `${file}.onnx`),
      inputs: [tensor('INPUT0', datatype, -1, 16), tensor('INPUT1', datatype, -1, 16)],
      outputs: [tensor('OUTPUT0', datatype, -1, 16), tensor('OUTPUT1', datatype, -1, 16)],
    })
    const a = Array.from({ length: 16 }, (_, i) => i)
    const say = (values: number[]) => (datatype === 'BYTES' ? values.map(String) : values)
    const inputOf = (name: string, values: number[]) => ({
      name,
      datatype,
      shape: [1, 16],
      data: say(values),
    })
    const ones = a.map(() => 1)
    const { outputs } = await infer(fleet, model, {
      inputs: [inputOf('INPUT0', a), inputOf('INPUT1', ones)],
    })
    const wanted = { OUTPUT0: say(a.map((x) => x + 1)), OUTPUT1: say(a.map((x) => x - 1)) }
    for (const [name, values] of Object.entries(wanted)) {
      const got = outputs.find((output) => output.name === name)?.data
      scoring.check(
        JSON.stringify(got) === JSON.stringify(values),
        `${model} ${name}: got ${JSON.stringify(got)}`,
      )
    }
  }
}
