import { expect, test } from 'vitest'
import { encodeOnnx, type OnnxGraph } from './onnx-writer.ts'
import { loadOnnx } from './run-onnx.ts'

const graph: OnnxGraph = {
  name: 'every-kind-of-constant',
  inputs: [{ name: 'x', shape: ['N', 3] }],
  outputs: [{ name: 'y', shape: ['N', 1, 2] }],
  nodes: [
    {
      op: 'DequantizeLinear',
      inputs: ['levels', 'scales', 'zeros'],
      outputs: ['weights'],
      attributes: { axis: 0 },
    },
    { op: 'QuantizeLinear', inputs: ['x', 'step', 'middle'], outputs: ['coarse'] },
    { op: 'DequantizeLinear', inputs: ['coarse', 'step', 'middle'], outputs: ['rounded'] },
    {
      op: 'Gemm',
      inputs: ['rounded', 'weights', 'bias'],
      outputs: ['sums'],
      attributes: { transB: 1 },
    },
    { op: 'Unsqueeze', inputs: ['sums', 'axes'], outputs: ['y'] },
  ],
  constants: [
    { name: 'levels', shape: [2, 3], data: Int8Array.of(1, 2, 3, -4, -5, -6) },
    { name: 'scales', shape: [2], data: Float32Array.of(0.5, 0.25) },
    { name: 'zeros', shape: [2], data: Int8Array.of(1, -6) },
    { name: 'step', shape: [], data: Float32Array.of(0.5) },
    { name: 'middle', shape: [], data: Uint8Array.of(128) },
    { name: 'bias', shape: [2], data: Float32Array.of(10, -10) },
    { name: 'axes', shape: [1], data: BigInt64Array.of(1n) },
  ],
}

test('a graph of floats, bytes, integers and attributes loads, runs and calculates right', async () => {
  const run = await loadOnnx(encodeOnnx(graph))
  // Weights are [0, .5, 1] and [.5, .25, 0]; 0.26 is rounded to half, 9 and -2 stay.
  const outputs = await run('x', [2, 3], Float32Array.of(0.26, 9, -2, 0, 0, 0))
  expect(outputs).toEqual([
    { name: 'y', datatype: 'FP32', shape: [2, 1, 2], data: [12.5, -7.5, 10, -10] },
  ])
})

test('the runtime refuses a graph whose pieces do not fit', async () => {
  const orphan = { ...graph, constants: graph.constants.slice(1) }
  await expect(loadOnnx(encodeOnnx(orphan))).rejects.toThrow(/levels/)
})

test('a constant whose data does not fill its shape is our bug', () => {
  const short = { name: 'short', shape: [2, 2], data: Float32Array.of(1, 2, 3) }
  expect(() => encodeOnnx({ ...graph, constants: [short] })).toThrow(/constant short/)
})
