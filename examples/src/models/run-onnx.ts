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

/** One call of a loaded model: one input in, all outputs out. */
export type RunOnnx = (
  name: string,
  shape: number[],
  data: Float32Array | Int32Array,
) => Promise<JsonTensor[]>

const datatypes = { float32: 'FP32', int32: 'INT32', int64: 'INT64' } as const

export async function loadOnnx(onnx: Uint8Array): Promise<RunOnnx> {
  const session = await InferenceSession.create(onnx, {
    intraOpNumThreads: 1,
    logSeverityLevel: 4,
  })
  return async (name, shape, data) => {
    const type = data instanceof Float32Array ? 'float32' : 'int32'
    const outputs = await session.run({ [name]: new Tensor(type, data, shape) })
    return Object.entries(outputs).map(([output, tensor]) =>
      jsonTensor.parse({
        name: output,
        datatype: Object(datatypes)[tensor.type],
        shape: [...tensor.dims],
        data: Array.from(tensor.data, Number),
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
    const numbers = input.data.map(Number)
    const isInt = input.datatype === 'INT32'
    const data = isInt ? Int32Array.from(numbers) : Float32Array.from(numbers)
    seen.push(await run(input.name, input.shape, data))
  }
  return decideProbe(golden, seen)
}
