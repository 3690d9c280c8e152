// Run ONNX
//
// Runs an ONNX file with the native runtime, for the tests beside this file: what our own writer
// wrote must load, and must give the answers that our own forward pass gives.

import {
  decideProbe,
  type Golden,
  type JsonTensor,
  jsonTensor,
  type ProbeVerdict,
} from '@tutti/core/fleet'
import { InferenceSession, Tensor } from 'onnxruntime-node'

/** One call of a loaded model: a float input in, all outputs out. */
export type RunOnnx = (name: string, shape: number[], data: Float32Array) => Promise<JsonTensor[]>

export async function loadOnnx(onnx: Uint8Array): Promise<RunOnnx> {
  const session = await InferenceSession.create(onnx, {
    intraOpNumThreads: 1,
    logSeverityLevel: 4,
  })
  return async (name, shape, data) => {
    const outputs = await session.run({ [name]: new Tensor('float32', data, shape) })
    return Object.entries(outputs).map(([output, tensor]) =>
      jsonTensor.parse({
        name: output,
        datatype: 'FP32',
        shape: [...tensor.dims],
        data: tensor.data instanceof Float32Array ? [...tensor.data] : [],
      }),
    )
  }
}

/** Runs the golden inputs and compares, as a node does before it serves. */
export async function probe(onnx: Uint8Array, golden: Golden): Promise<ProbeVerdict> {
  const run = await loadOnnx(onnx)
  const seen: JsonTensor[][] = []
  for (const { inputs } of golden.cases) {
    const [input] = inputs
    if (input === undefined) throw new RangeError('a golden case has one input')
    seen.push(await run(input.name, input.shape, Float32Array.from(input.data, Number)))
  }
  return decideProbe(golden, seen)
}
