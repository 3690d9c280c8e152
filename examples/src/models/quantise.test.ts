import { expect, test } from 'vitest'
import { newNetwork } from './network.ts'
import { dequantise, quantise, quantiseForgettingZeroPoints } from './quantise.ts'
import { seededRandom } from './random.ts'

const network = newNetwork(seededRandom(7), { channels: 1, side: 24 }, 4)

/** For each weight, how far it is from the true one, in steps of its channel's scale. */
function stepsOff(unpacked: ReturnType<typeof dequantise>): number[] {
  return network.flatMap((layer, depth) => {
    const { scales } = quantise(layer)
    return [...layer.weights].map((weight, i) => {
      const scale = scales[Math.floor(i / layer.patchLength)] ?? 0
      return ((unpacked[depth]?.weights[i] ?? Number.NaN) - weight) / scale
    })
  })
}

test('a quantised weight is half a step off at most, one step at the ends of the range', () => {
  const off = stepsOff(dequantise(network, quantise)).map(Math.abs)
  expect(Math.max(...off)).toBeLessThanOrEqual(1.001)
  expect(off.filter((steps) => steps > 0.501).length).toBeLessThan(off.length / 20)
})

test('with forgotten zero points every weight is some 128 steps off', () => {
  const off = stepsOff(dequantise(network, quantiseForgettingZeroPoints)).map(Math.abs)
  expect(Math.min(...off)).toBeGreaterThan(126)
})

test('a channel of zeros stays a channel of zeros', () => {
  const zeros = network.map((layer) => ({ ...layer, weights: layer.weights.map(() => 0) }))
  expect(dequantise(zeros, quantise).map(({ weights }) => weights)).toEqual(
    zeros.map(({ weights }) => weights),
  )
})
