// Quantise
//
// Weights in 8 bits, one scale and one zero point per output channel (`DequantizeLinear`, axis 0):
// weight ≈ (level - zero point) · scale. The runtime unpacks them and calculates in floats: a
// quarter of the bytes for almost the same answers. Biases stay floats: they are few.

import type { Layer, Network } from './network.ts'

export interface QuantisedWeights {
  readonly levels: Int8Array
  readonly scales: Float32Array
  readonly zeroPoints: Int8Array
}

/** Signed 8-bit levels are the unsigned levels 0 to 255 minus this. */
const signShift = 128

/** The weights of a layer in 8 bits. */
export function quantise(layer: Layer): QuantisedWeights {
  const { levels, scales, zeroPoints } = quantiseUnsigned(layer)
  return {
    levels: Int8Array.from(levels, (level) => level - signShift),
    scales,
    zeroPoints: Int8Array.from(zeroPoints, (zero) => zero - signShift),
  }
}

/**
 * The bug of `parts:v2`. Levels are shifted from unsigned to signed, zero points are forgotten, and
 * `Int8Array` wraps what does not fit without a word. Every weight is off by half of its channel's
 * range; the file has the right shapes and types, loads, runs and is fast.
 */
export function quantiseForgettingZeroPoints(layer: Layer): QuantisedWeights {
  const { zeroPoints } = quantiseUnsigned(layer)
  return { ...quantise(layer), zeroPoints: Int8Array.from(zeroPoints) }
}

/** The network that a runtime sees after unpacking the weights. */
export function dequantise(
  network: Network,
  quantiseLayer: (layer: Layer) => QuantisedWeights,
): Network {
  return network.map((layer) => {
    const { levels, scales, zeroPoints } = quantiseLayer(layer)
    const weights = Float32Array.from(levels, (level, i) => {
      const channel = Math.floor(i / layer.patchLength)
      return (level - (zeroPoints[channel] ?? 0)) * (scales[channel] ?? 0)
    })
    return { ...layer, weights }
  })
}

function quantiseUnsigned({ weights, patchLength, output }: Layer) {
  const levels = new Uint8Array(weights.length)
  const scales = new Float32Array(output.channels)
  const zeroPoints = new Uint8Array(output.channels)
  for (let channel = 0; channel < output.channels; channel++) {
    const start = channel * patchLength
    const row = weights.subarray(start, start + patchLength)
    // Zero must be one of the levels, hence the two zeros.
    const least = Math.min(0, ...row)
    const range = Math.max(0, ...row) - least
    const scale = range === 0 ? 1 : range / 255
    const zeroPoint = Math.round(-least / scale)
    scales[channel] = scale
    zeroPoints[channel] = zeroPoint
    for (const [k, weight] of row.entries()) {
      const level = Math.round(weight / scale) + zeroPoint
      levels[start + k] = Math.min(255, Math.max(0, level))
    }
  }
  return { levels, scales, zeroPoints }
}
