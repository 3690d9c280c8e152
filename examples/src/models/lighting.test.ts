import fc from 'fast-check'
import { expect, test } from 'vitest'
import { correctByTable, measureLightingTable, normalise, tableRows } from './lighting.ts'
import { labLighting, takeInputs } from './part-image.ts'

const [part] = takeInputs(1, labLighting, 1)
const image = part?.image ?? new Float32Array()

test('normalising takes out any lamp', () => {
  const bright = fc.double({ min: 0.5, max: 2, noNaN: true })
  const veil = fc.double({ min: -0.5, max: 0.5, noNaN: true })
  const plain = normalise(image)
  fc.assert(
    fc.property(bright, veil, (exposure, ambient) => {
      const lit = normalise(image.map((value) => exposure * value + ambient))
      const furthest = Math.max(...lit.map((value, i) => Math.abs(value - (plain[i] ?? 0))))
      // What is left is the variance floor, which counts for more in the dark.
      expect(furthest).toBeLessThan(0.02)
    }),
  )
})

test('a table corrects the light it was measured in, leaves other light alone, and ends', () => {
  const table = measureLightingTable([image])
  const measured = correctByTable(table, image)
  const furthest = Math.max(
    ...normalise(image).map((value, i) => Math.abs(value - (measured?.[i] ?? 0))),
  )
  expect(furthest).toBeLessThan(1e-4)
  const dark = image.map((value) => value / 2)
  expect(correctByTable(table, dark)).toEqual(dark)
  expect(correctByTable(table, new Float32Array(image.length).fill(tableRows / 128))).toBeNull()
})
