// Parts graph
//
// The ONNX graphs of the part classifier: `image` [N,1,24,24] in, `probs` [N,4] out. Two ways to
// take the light out (see `lighting.ts`), each with weights in 32 or in 8 bits.

import { brightnessSteps, type LightingTable, varianceFloor } from './lighting.ts'
import type { Layer, Network } from './network.ts'
import { castToInt64, type OnnxGraph, type OnnxNode, type OnnxTensor } from './onnx-writer.ts'
import { imageSide, partLabels } from './part-image.ts'
import type { QuantisedWeights } from './quantise.ts'

/** Some nodes and the constants they read. */
interface Piece {
  readonly nodes: readonly OnnxNode[]
  readonly constants: readonly OnnxTensor[]
}

/** How weights are stored: as they are, or in 8 bits by the function given. */
export type Storage =
  | { readonly kind: 'fp32' }
  | { readonly kind: 'int8'; readonly quantise: (layer: Layer) => QuantisedWeights }

/** Normalises each image by its own light, then runs the network. */
export function partsGraph(network: Network, storage: Storage): OnnxGraph {
  return assemble('parts', [
    normalisePiece(),
    networkPiece(network, storage, 'normalised'),
    { nodes: [softmaxNode('logits', 'probs')], constants: [] },
  ])
}

/**
 * Corrects each image by every row of the table, runs the network on all of them, and then gathers
 * the answer of the row that fits the image's brightness. It runs the network `tableRows` times
 * where once would do, and one image that is too bright for the table fails its whole batch.
 */
export function partsTableGraph(
  network: Network,
  storage: Storage,
  table: LightingTable,
): OnnxGraph {
  const rows = table.offsets.length
  return assemble('parts-lighting-table', [
    correctPiece(table),
    networkPiece(network, storage, 'images'),
    {
      nodes: [
        softmaxNode('logits', 'all_probs'),
        node('Reshape', ['all_probs', 'answers_shape'], 'answers'),
        // Throws where `row` is not below `rows`.
        { ...node('GatherND', ['answers', 'row'], 'probs'), attributes: { batch_dims: 1 } },
      ],
      constants: [integers('answers_shape', [-1, rows, partLabels.length])],
    },
  ])
}

function assemble(name: string, pieces: readonly Piece[]): OnnxGraph {
  return {
    name,
    inputs: [{ name: 'image', shape: ['N', 1, imageSide, imageSide] }],
    outputs: [{ name: 'probs', shape: ['N', partLabels.length] }],
    nodes: pieces.flatMap((piece) => piece.nodes),
    constants: pieces.flatMap((piece) => piece.constants),
  }
}

function normalisePiece(): Piece {
  const overImage = { axes: [1, 2, 3], keepdims: 1 }
  return {
    nodes: [
      { ...node('ReduceMean', ['image'], 'mean'), attributes: overImage },
      node('Sub', ['image', 'mean'], 'centred'),
      node('Mul', ['centred', 'centred'], 'squares'),
      { ...node('ReduceMean', ['squares'], 'variance'), attributes: overImage },
      node('Add', ['variance', 'variance_floor'], 'raised'),
      node('Sqrt', ['raised'], 'deviation'),
      node('Div', ['centred', 'deviation'], 'normalised'),
    ],
    constants: [floats('variance_floor', [1], Float32Array.of(varianceFloor))],
  }
}

function correctPiece({ offsets, gains }: LightingTable): Piece {
  const perRow = [1, offsets.length, 1, 1]
  return {
    nodes: [
      {
        ...node('ReduceMean', ['image'], 'brightness'),
        attributes: { axes: [1, 2, 3], keepdims: 0 },
      },
      node('Mul', ['brightness', 'brightness_steps'], 'steps'),
      node('Floor', ['steps'], 'whole_steps'),
      { ...node('Cast', ['whole_steps'], 'row_of_image'), attributes: { to: castToInt64 } },
      node('Unsqueeze', ['row_of_image', 'last_axis'], 'row'),
      node('Sub', ['image', 'offsets'], 'shifted'),
      node('Mul', ['shifted', 'gains'], 'corrected'),
      node('Reshape', ['corrected', 'images_shape'], 'images'),
    ],
    constants: [
      floats('brightness_steps', [1], Float32Array.of(brightnessSteps)),
      integers('last_axis', [1]),
      floats('offsets', perRow, offsets),
      floats('gains', perRow, gains),
      integers('images_shape', [-1, 1, imageSide, imageSide]),
    ],
  }
}

/** The layers of a network, from the value named `input` to `logits`. */
function networkPiece(network: Network, storage: Storage, input: string): Piece {
  const pieces: Piece[] = []
  let current = input
  for (const [depth, layer] of network.entries()) {
    const last = depth === network.length - 1
    const output = last ? 'logits' : `layer${depth}`
    pieces.push(weightsPiece(layer, storage, `layer${depth}`))
    pieces.push({
      nodes: layerNodes(layer, { name: `layer${depth}`, current, output }),
      constants: [],
    })
    current = output
  }
  return {
    nodes: pieces.flatMap((piece) => piece.nodes),
    constants: pieces.flatMap((piece) => piece.constants),
  }
}

function layerNodes(
  layer: Layer,
  {
    name,
    current,
    output,
  }: { readonly name: string; readonly current: string; readonly output: string },
): OnnxNode[] {
  const inputs = [current, `${name}_weights`, `${name}_bias`]
  const sums = layer.after === 'nothing' ? output : `${name}_sums`
  const first: OnnxNode =
    layer.kind === 'dense'
      ? { ...node('Gemm', inputs, sums), attributes: { transB: 1 } }
      : {
          ...node('Conv', inputs, sums),
          attributes: {
            kernel_shape: [layer.kernel, layer.kernel],
            strides: [layer.stride, layer.stride],
          },
        }
  switch (layer.after) {
    case 'nothing':
      return [first]
    case 'relu':
      return [first, node('Relu', [sums], output)]
    case 'relu-pool':
      return [
        first,
        node('Relu', [sums], `${name}_found`),
        node('GlobalMaxPool', [`${name}_found`], `${name}_pooled`),
        node('Flatten', [`${name}_pooled`], output),
      ]
  }
}

function weightsPiece(layer: Layer, storage: Storage, name: string): Piece {
  const { channels } = layer.output
  const shape =
    layer.kind === 'dense'
      ? [channels, layer.patchLength]
      : [channels, layer.input.channels, layer.kernel, layer.kernel]
  const bias = floats(`${name}_bias`, [channels], layer.bias)
  switch (storage.kind) {
    case 'fp32':
      return { nodes: [], constants: [floats(`${name}_weights`, shape, layer.weights), bias] }
    case 'int8': {
      const { levels, scales, zeroPoints } = storage.quantise(layer)
      const [level, scale, zeroPoint] = [`${name}_levels`, `${name}_scales`, `${name}_zero_points`]
      return {
        nodes: [
          {
            ...node('DequantizeLinear', [level, scale, zeroPoint], `${name}_weights`),
            attributes: { axis: 0 },
          },
        ],
        constants: [
          { name: level, shape, data: levels },
          floats(scale, [channels], scales),
          { name: zeroPoint, shape: [channels], data: zeroPoints },
          bias,
        ],
      }
    }
  }
}

function softmaxNode(input: string, output: string): OnnxNode {
  return { ...node('Softmax', [input], output), attributes: { axis: 1 } }
}

function node(op: string, inputs: readonly string[], output: string): OnnxNode {
  return { op, inputs, outputs: [output] }
}

function floats(name: string, shape: readonly number[], data: Float32Array): OnnxTensor {
  return { name, shape, data }
}

function integers(name: string, values: readonly number[]): OnnxTensor {
  return { name, shape: [values.length], data: BigInt64Array.from(values, BigInt) }
}
