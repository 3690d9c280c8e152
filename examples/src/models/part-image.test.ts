import { expect, test } from 'vitest'
import {
  imagePixels,
  labLighting,
  liveInputs,
  liveLighting,
  partLabels,
  takeInputs,
} from './part-image.ts'

test('a seed gives the same parts again, another seed gives others', () => {
  const parts = takeInputs(5, liveLighting, 20)
  const stream = liveInputs(5, liveLighting)
  expect(parts.map(() => stream.next().value)).toEqual(parts)
  expect(takeInputs(6, liveLighting, 20)).not.toEqual(parts)
})

test('pixels are 8 bits of grey, exact and short as JSON', () => {
  for (const { image } of takeInputs(1, liveLighting, 50)) {
    expect(image.length).toBe(imagePixels)
    expect(image.every((value) => Number.isInteger(value * 256) && value >= 0 && value < 1)).toBe(
      true,
    )
  }
})

test('every label comes up about as often', () => {
  const parts = takeInputs(2, labLighting, 4_000)
  for (const label of partLabels) {
    const share = parts.filter((part) => part.label === label).length / parts.length
    expect(share).toBeCloseTo(0.25, 1)
  }
})
